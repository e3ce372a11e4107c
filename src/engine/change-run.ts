import { asDrError, DrError } from '../errors/dr-error.ts';
import type { JsonValue } from '../model/json.ts';
import { isSame } from '../model/json-diff.ts';
import { recordError } from './recorded-error.ts';
import { assertAllowed, assertContracts, changeLines, contractsOf, judgeChange, notTakenOver, type RunChange, touchedSteps } from './run-changes.ts';
import { type FrozenRun, freezeChange, type StoredRun } from './run-files.ts';
import type { ResumeRunOptions } from './run-options.ts';
import { type RunScope, stamping } from './run-scope.ts';
import { openHolds, type RunState } from './run-state.ts';
import { assertSameDefinitions } from './same-definition.ts';

/** A change that is allowed and agreed to, not yet written down. */
export interface AgreedChange {
  /** What the run will go by. */
  readonly frozen: FrozenRun;
  /** Judges the change against what the run has done; `undefined` when only the place of files has changed. */
  readonly judge: (state: RunState) => Promise<RunChange | undefined>;
}

/**
 * Compares what a run goes by with plan and runbook as they are now. Gives the change when one is wanted: it is allowed, it was shown, and where somebody sits
 * at a terminal, agreed to. Without a wish a difference throws `RUN_CHANGED`; so does one that touches what is done. `GATE_DECLINED` is a person's no.
 */
export async function agreedChange<P>(stored: StoredRun, options: ResumeRunOptions<P>): Promise<AgreedChange | undefined> {
  const { frozen, state } = stored;
  const { graph, change } = options;
  assertContracts(frozen, options.catalogue);
  const differs = graph !== undefined && graph.digest !== frozen.graph.digest;
  if (change === undefined) {
    if (differs) throw notTakenOver(frozen, judgeChange({ ...options, before: frozen.graph, after: graph, state }), options.changeCommand);
    return undefined;
  }
  if (!differs && change.graph.digest === frozen.graph.digest) return undefined;
  const next = { ...frozen, graph: change.graph, contracts: contractsOf(change.graph), sources: change.sources };
  const judge = async (now: RunState): Promise<RunChange | undefined> => (differs ? await judged({ stored, options, after: graph, state: now }) : undefined);
  const found = await judge(state);
  if (found !== undefined) await show(found, options);
  return { frozen: next, judge };
}

interface Judging<P> {
  readonly stored: StoredRun;
  readonly options: ResumeRunOptions<P>;
  readonly after: FrozenRun['graph'];
  readonly state: RunState;
}

/** Throws `RUN_CHANGED` when the change may not be taken over. */
async function judged<P>({ stored, options, after, state }: Judging<P>): Promise<RunChange> {
  const { frozen } = stored;
  const change = judgeChange({ ...options, before: frozen.graph, after, state });
  assertAllowed(change, frozen.id);
  const here = options.change?.graph ?? after;
  // Where only inputs differ, both are planned with files where they are now: the old place may be on another machine.
  const isInputOnly = change.plan.length === 0 && isSame(frozen.graph.nodes as unknown as JsonValue, after.nodes as unknown as JsonValue);
  const before = isInputOnly ? { ...here, inputs: frozen.graph.inputs } : frozen.graph;
  await assertSameDefinitions(change, { env: options, frozen: { ...frozen, graph: before }, state, after: here });
  return change;
}

async function show<P>(change: RunChange, options: ResumeRunOptions<P>): Promise<void> {
  const emit = stamping(options, options.run);
  const changes = changeLines(change);
  for (const line of changes) emit({ type: 'journal', message: `changed: ${line}` });
  const answer = (await options.prompter.askChange?.({ run: options.run, changes }, options.signal)) ?? { answer: 'unavailable' };
  if (answer.answer !== 'declined') return;
  throw new DrError({
    code: 'GATE_DECLINED',
    message: `${answer.by} does not want run '${options.run}' to go on with what has changed; nothing was done`,
    suggestions: ['put plan and runbook back as they were and resume'],
  });
}

/**
 * Makes the journal name what the run goes by from here on; until then nothing is begun. Throws, with the run ended, `RUN_CHANGED` when what has happened
 * between the first look and now forbids it.
 */
export async function adoptChange<P>(
  scope: RunScope<P>,
  { stored, change }: { readonly stored: StoredRun; readonly change: AgreedChange | undefined },
): Promise<void> {
  const { journal } = scope;
  try {
    if (journal.state.changes.length !== stored.state.changes.length) throw changedMeanwhile(stored.frozen.id);
    if (change !== undefined) await writeChange(scope, stored, change);
  } catch (thrown) {
    const error = asDrError(thrown);
    const held = openHolds(journal.state).length;
    if (!journal.failed.aborted) await journal.append({ type: 'ended', state: 'failed', error: recordError(error), held }).catch(() => undefined);
    await journal.close().catch(() => undefined);
    throw error;
  }
}

async function writeChange<P>({ env, journal }: RunScope<P>, stored: StoredRun, { frozen, judge }: AgreedChange): Promise<void> {
  const found = await judge(journal.state);
  const { number, digest } = await freezeChange(env.store, frozen);
  const changes = found === undefined ? ['the files of the plan lie elsewhere'] : changeLines(found);
  const touched = found === undefined ? [] : touchedSteps(found);
  await journal.append({ type: 'changed', number, before: stored.current, frozen: digest, by: env.owner.user, changes: [...changes], touched: [...touched] });
}

function changedMeanwhile(run: FrozenRun['id']): DrError {
  return new DrError({
    code: 'RUN_CHANGED',
    message: `another process has changed what run '${run}' goes by since it was read here; nothing was done`,
    suggestions: [`look at it and resume again: lattice-dr resume ${run}`],
  });
}
