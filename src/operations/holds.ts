import { readRun } from '../engine/run-files.ts';
import type { HoldRecord } from '../engine/run-state.ts';
import { HOLD_KINDS } from '../model/hold.ts';
import type { RunId } from '../model/ids.ts';
import type { RunStore } from '../ports/run-store.ts';

/** Everything a run has put aside, in the order in which it is released. */
export interface HoldList {
  readonly run: RunId;
  readonly cluster: string;
  readonly open: readonly HoldRecord[];
  readonly released: readonly HoldRecord[];
}

/** Lists the holds of a run. Throws `RUN_NOT_FOUND`, `RUN_CHANGED`, `JOURNAL_BROKEN`. */
export async function listHolds(store: RunStore, run: RunId): Promise<HoldList> {
  const { frozen, state } = await readRun(store, run);
  const records = inReleaseOrder([...state.holds.values()]);
  return {
    run,
    cluster: frozen.cluster,
    open: records.filter((record) => record.releasedAt === undefined),
    released: records.filter((record) => record.releasedAt !== undefined),
  };
}

/** Sorts by kind, in the fixed order of release; holds of one kind stay as they were put aside. */
function inReleaseOrder(records: readonly HoldRecord[]): readonly HoldRecord[] {
  return [...records].sort((a, b) => HOLD_KINDS.indexOf(a.hold.kind) - HOLD_KINDS.indexOf(b.hold.kind));
}
