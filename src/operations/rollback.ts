import { readRun, type StoredRun } from '../engine/run-files.ts';
import { DrError } from '../errors/dr-error.ts';
import type { RunId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { RunStore } from '../ports/run-store.ts';

/** Kinds of step by which a run is told to be a restore of etcd, and to be beyond return. */
const LOOKS = 'etcd/inventory';
const RESTORES = 'etcd/restore';
const RESETS = 'rke2/reset';
const OPENS = 'etcd/open';

/** What takes a run back is started with. */
export interface RollbackInputs {
  /** Path of the plan that the run was started with. */
  readonly plan: string;
  /** Name of the runbook that takes it back. */
  readonly runbook: 'rollback-etcd' | 'rollback-etcd-rke2';
  readonly inputs: JsonObject;
}

/**
 * Reads what a restore of etcd found before it touched anything. Throws `ROLLBACK_REFUSED` for a run that is none, that has touched nothing, or that has begun
 * to open its API server; what the machines say is asked again by the steps.
 */
export async function rollbackInputs(store: RunStore, run: RunId): Promise<RollbackInputs> {
  const stored = await readRun(store, run);
  const plane = outputsOf(stored, LOOKS);
  const has = (kind: string): boolean => stored.frozen.graph.nodes.some(({ uses }) => uses === kind);
  if (plane === undefined || !(has(RESTORES) || has(RESETS))) throw refused(`run ${run} is no restore of etcd, or has touched nothing`);
  if (hasBegun(stored, OPENS)) throw refused(`run ${run} has opened the restored API server: what was written since would be lost`);
  return { plan: String(stored.frozen.sources['plan']), runbook: has(RESETS) ? 'rollback-etcd-rke2' : 'rollback-etcd', inputs: { of: run, plane } };
}

function outputsOf({ frozen, state }: StoredRun, uses: string): JsonObject | undefined {
  const node = frozen.graph.nodes.find((one) => one.uses === uses);
  return node === undefined ? undefined : state.steps.get(node.id)?.outputs;
}

/** An open that was begun may have been done. */
function hasBegun({ frozen, state }: StoredRun, uses: string): boolean {
  const node = frozen.graph.nodes.find((one) => one.uses === uses);
  return node !== undefined && (state.steps.get(node.id)?.effects.size ?? 0) > 0;
}

function refused(message: string): DrError {
  return new DrError({ code: 'ROLLBACK_REFUSED', message, suggestions: ['only another restore leads back from an opened one: lattice-dr restore-etcd'] });
}
