import { type NodeChange, type NodeEnd, type ScheduleNode, type ScheduleOptions, schedule, type WorkResult } from '../../../src/engine/schedule.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

export interface ScenarioNode extends ScheduleNode {
  readonly ms: number;
  readonly becomes: 'succeeded' | 'failed' | 'skipped' | 'waiting' | 'throws';
}

export interface Scenario {
  /** `A -> B, C`: B needs A; C stands alone. `A+B -> C`: C needs both. */
  readonly graph: string;
  readonly nodes?: Readonly<Record<string, Partial<ScenarioNode>>>;
  readonly total?: number;
  readonly groups?: Readonly<Record<string, number>>;
  readonly keepGoing?: boolean;
  readonly cancelAtMs?: number;
}

export interface ScenarioResult {
  /** `0 A` for each start, with its time. */
  readonly starts: readonly string[];
  readonly ends: ReadonlyMap<string, NodeEnd>;
  readonly states: Readonly<Record<string, string>>;
  readonly changes: readonly NodeChange[];
  /** Most nodes at a time, by group and in all. */
  readonly peaks: Readonly<Record<string, number>>;
  readonly totalMs: number;
}

/** Nodes of a scenario's text, each 10 ms long unless told otherwise. */
export function parseGraph(text: string, nodes: Scenario['nodes'] = {}): readonly ScenarioNode[] {
  const needs = new Map<string, string[]>();
  const known = (id: string): string[] => needs.get(id) ?? needs.set(id, []).get(id) ?? [];
  for (const chain of text.split(',').map((part) => part.trim())) {
    const links = chain.split('->').map((link) => link.split('+').map((id) => id.trim()));
    links.forEach((ids, index) => ids.forEach((id) => known(id).push(...(links[index - 1] ?? []))));
  }
  return [...needs].map(([id, list]) => ({ id, needs: list, ms: 10, becomes: 'succeeded' as const, ...nodes[id] }));
}

/** Runs a scenario on a fake clock. */
export async function play(scenario: Scenario, extra: Partial<ScheduleOptions<string, ScenarioNode>> = {}): Promise<ScenarioResult> {
  const clock = new FakeClock();
  const cancel = new AbortController();
  const starts: string[] = [];
  const changes: NodeChange[] = [];
  const peaks: Record<string, number> = {};
  const running: Record<string, number> = {};
  const count = (key: string, by: number): void => {
    running[key] = (running[key] ?? 0) + by;
    peaks[key] = Math.max(peaks[key] ?? 0, running[key] ?? 0);
  };
  const work = async (node: ScenarioNode, signal: AbortSignal): Promise<WorkResult> => {
    starts.push(`${clock.monotonic()} ${node.id}`);
    const keys = ['all', ...(node.group === undefined ? [] : [node.group])];
    for (const key of keys) count(key, 1);
    try {
      await clock.sleep(node.ms, signal);
      return resultOf(node);
    } catch (error) {
      if (signal.aborted) return { state: 'cancelled', reason: 'told to stop' };
      throw error;
    } finally {
      for (const key of keys) count(key, -1);
    }
  };
  if (scenario.cancelAtMs !== undefined) void clock.sleep(scenario.cancelAtMs).then(() => cancel.abort());
  const ends = await clock.runUntil(
    schedule<string, ScenarioNode>({
      graph: parseGraph(scenario.graph, scenario.nodes),
      limits: { total: scenario.total ?? 100, ...(scenario.groups === undefined ? {} : { groups: scenario.groups }) },
      signal: cancel.signal,
      ...(scenario.keepGoing === undefined ? {} : { keepGoing: scenario.keepGoing }),
      work,
      onChange: (change) => changes.push(change),
      ...extra,
    }),
  );
  const states = Object.fromEntries([...ends].map(([id, end]) => [id, end.state]));
  return { starts, ends, states, changes, peaks, totalMs: clock.monotonic() };
}

function resultOf({ id, becomes }: ScenarioNode): WorkResult {
  const error = new DrError({ code: 'STEP_FAILED', message: `${id} failed` });
  if (becomes === 'throws') throw error;
  if (becomes === 'failed') return { state: 'failed', error };
  return becomes === 'succeeded' ? { state: 'succeeded' } : { state: becomes, reason: `${id} is ${becomes}` };
}
