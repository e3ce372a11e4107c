import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { z } from 'zod';
import type * as SystemClockModule from '../../src/adapters/clock/system-clock.ts';
import type * as SystemRandomModule from '../../src/adapters/clock/system-random.ts';
import type * as FolderRunStoreModule from '../../src/adapters/fs/folder-run-store.ts';
import type * as ProcessOwnerModule from '../../src/adapters/process/process-owner.ts';
import type * as DecisionsModule from '../../src/engine/decisions.ts';
import type { ExpressionEvaluator } from '../../src/engine/expression.ts';
import type * as GraphModule from '../../src/engine/graph.ts';
import type { StepNode } from '../../src/engine/graph-types.ts';
import type * as PrompterModule from '../../src/engine/prompter.ts';
import type * as ResumeRunModule from '../../src/engine/resume-run.ts';
import type { RunEnvironment } from '../../src/engine/run-options.ts';
import type * as StartRunModule from '../../src/engine/start-run.ts';
import type { StepKind } from '../../src/engine/step.ts';
import type { ClusterName, RunId, StepId } from '../../src/model/ids.ts';
import { slowSyncs } from './slow-sync.ts';

/**
 * `engine-program.ts run DIST FOLDER STEPS CHAIN SYNC` and `engine-program.ts resume DIST FOLDER RUN`: a run of steps that do nothing, in chains of CHAIN steps, with its
 * journal in a folder, where every sync takes SYNC ms longer than it does. `run` ends with a step that fails, so that there is something to resume, and prints what it took;
 * `resume` ends at its first look at the world. DIST is the compiled program: what a user runs, without the cost of taking types out of sources.
 */
const [mode = '', dist = '', folder = '', ...rest] = process.argv.slice(2);
enableCompileCache();

async function load<T>(path: string): Promise<T> {
  return (await import(join(dist, path))) as T;
}

const LAST = 'last' as StepId;
const NO_RETRY = { attempts: 1, firstDelayMs: 0, maxDelayMs: 0 };
const withSchema = z.object({ fails: z.boolean().default(false) });

const noop: StepKind<z.output<typeof withSchema>, Record<string, never>, undefined> = {
  kind: 'bench/noop',
  version: 1,
  summary: 'does nothing',
  with: withSchema,
  outputs: z.object({}),
  risk: 'read-only',
  safety: false,
  timeoutMs: 60_000,
  retry: NO_RETRY,
  effects: [],
  observe: async () => {
    if (mode === 'resume') process.exit(0);
    return { state: 'absent', evidence: {} };
  },
  plan: async () => [],
  execute: async ({ with: input }) => {
    if (input.fails) throw new Error('the last step fails, so that there is something to resume');
  },
  verify: async () => ({ ok: true, outputs: {}, evidence: {} }),
};

function node(id: StepId, needs: readonly StepId[], input: StepNode['with'] = {}): StepNode {
  const { kind: uses, version, summary, risk, safety, timeoutMs, retry } = noop;
  return { id, uses, version, summary, risk, safety, timeoutMs, retry, needs, with: input, phase: 'bench' };
}

function nodes(steps: number, chain: number): readonly StepNode[] {
  const idOf = (index: number): StepId => `step-${index}` as StepId;
  const all = Array.from({ length: steps }, (_, index) => node(idOf(index), index % chain === 0 ? [] : [idOf(index - 1)]));
  return [...all, node(LAST, steps === 0 ? [] : [idOf(steps - 1)], { fails: true })];
}

/** Literals only, so they stand for themselves. */
const evaluator: ExpressionEvaluator = { resolve: (template) => template as never, condition: () => true };

async function environment(): Promise<RunEnvironment<undefined>> {
  const [{ openFolderRunStore }, { systemClock }, { systemRandom }, { ownIdentity, isSameProcessAlive }, { NO_DECISIONS }, { NOBODY }] = await Promise.all([
    load<typeof FolderRunStoreModule>('adapters/fs/folder-run-store.js'),
    load<typeof SystemClockModule>('adapters/clock/system-clock.js'),
    load<typeof SystemRandomModule>('adapters/clock/system-random.js'),
    load<typeof ProcessOwnerModule>('adapters/process/process-owner.js'),
    load<typeof DecisionsModule>('engine/decisions.js'),
    load<typeof PrompterModule>('engine/prompter.js'),
  ]);
  return {
    store: await openFolderRunStore(folder),
    clock: systemClock,
    random: systemRandom,
    owner: await ownIdentity(),
    isAlive: isSameProcessAlive,
    tool: 'bench',
    events: () => undefined,
    catalogue: new Map([[noop.kind, noop]]),
    ports: undefined,
    evaluator,
    prompter: NOBODY,
    decisions: NO_DECISIONS,
    signal: new AbortController().signal,
  };
}

if (mode === 'run') {
  const [steps = 0, chain = 1, syncMs = 0] = rest.map(Number);
  const env = await environment();
  const [{ startRun }, { buildStepGraph }] = await Promise.all([
    load<typeof StartRunModule>('engine/start-run.js'),
    load<typeof GraphModule>('engine/graph.js'),
  ]);
  const graph = buildStepGraph({ name: 'bench', description: '', nodes: nodes(steps, chain), plan: {}, inputs: {}, keepGoing: true });
  const syncs = await slowSyncs(syncMs);
  const from = performance.now();
  const result = await startRun({ ...env, graph, cluster: 'bench' as ClusterName, mode: 'recovery', sources: {} });
  const ms = performance.now() - from;
  if (result.step !== LAST) throw new Error(`the run ended ${result.state} at '${result.step}'`);
  process.stdout.write(`${JSON.stringify({ run: result.run, ms, syncs: syncs() })}\n`);
} else {
  const [env, { resumeRun }] = await Promise.all([environment(), load<typeof ResumeRunModule>('engine/resume-run.js')]);
  await resumeRun({ ...env, run: rest[0] as RunId });
  throw new Error('the resume ended without a look at the world');
}
