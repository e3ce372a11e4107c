import { adoptChange, agreedChange } from './change-run.ts';
import { takeCluster } from './claims.ts';
import { checkDecisions } from './decisions.ts';
import { ownRun } from './own-run.ts';
import { restoreError } from './recorded-error.ts';
import { executeRun } from './run.ts';
import { readRun, type StoredRun } from './run-files.ts';
import type { ResumeRunOptions, RunResult, StepResult } from './run-options.ts';
import { openHolds } from './run-state.ts';
import { newStep } from './step-record.ts';

/**
 * Goes on with a run: takes the cluster again and executes its graph, where every step looks at the world before it acts. What the journal says was done,
 * decided and put aside stands: verified steps that are still there are skipped, effects with an outcome are not repeated, approvals of the same plan are
 * not asked for again. A run that has succeeded is left alone and its recorded result given. Another plan, runbook or commit is taken over when it is wanted,
 * allowed and agreed to.
 *
 * Throws, with nothing changed: `RUN_NOT_FOUND`, `RUN_CHANGED` naming what differs, `GATE_DECLINED` when a person does not want the change, `JOURNAL_BROKEN`,
 * `USAGE`, `RUN_LOCKED`, `STORE_FAILED`.
 */
export async function resumeRun<P>(options: ResumeRunOptions<P>): Promise<RunResult> {
  const stored = await readRun(options.store, options.run);
  const { state } = stored;
  if (state.status === 'ended' && state.end?.state === 'succeeded') return recordedResult(stored, options.store.location);
  const change = await agreedChange(stored, options);
  const frozen = change?.frozen ?? stored.frozen;
  checkDecisions({ graph: frozen.graph, cluster: frozen.cluster, state }, options.decisions);
  const taken = await takeCluster({ env: options, cluster: frozen.cluster, run: frozen.id, known: stored });
  const scope = await ownRun({ env: options, frozen, taken, frozenDigest: stored.digest });
  await adoptChange(scope, { stored, change });
  return await executeRun(scope, true);
}

/** What a run came to, from its journal alone: for `status`, reports, and a resume that has nothing to do. */
export function recordedResult({ frozen, state }: StoredRun, location: string): RunResult {
  const steps = frozen.graph.nodes.map((node): StepResult => {
    const { reason, outputs, error, startedAt, endedAt, found, attested, skip, ...record } = state.steps.get(node.id) ?? newStep(node.id);
    return {
      id: node.id,
      summary: node.summary,
      phase: node.phase,
      state: record.state,
      found,
      attested,
      elapsedMs: span(startedAt, endedAt),
      ...(skip?.override === true ? { overridden: `${skip.by}: ${skip.reason}` } : {}),
      ...(reason === undefined ? {} : { reason }),
      ...(outputs === undefined ? {} : { outputs }),
      ...(error === undefined ? {} : { error: restoreError(error) }),
    };
  });
  const end = state.end;
  return {
    run: frozen.id,
    cluster: frozen.cluster,
    state: end?.state ?? 'cancelled',
    ...(end?.error === undefined ? {} : { error: restoreError(end.error) }),
    steps,
    holds: openHolds(state),
    location,
    resumed: true,
    elapsedMs: span(state.startedAt, end?.at ?? state.lastAt),
  };
}

function span(from: string | undefined, to: string | undefined): number {
  return from === undefined || to === undefined ? 0 : Math.max(0, Date.parse(to) - Date.parse(from));
}
