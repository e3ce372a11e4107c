import type { SnapshotTools } from '../steps/etcd/examine-snapshot.ts';
import { type SavedSnapshot, saveSnapshot, type TakeRequest } from '../steps/etcd/take-snapshot.ts';

/** A snapshot that was taken, judged by booting it. */
export type TakenSnapshot = SavedSnapshot;

/**
 * Takes a snapshot of a member, boots it, and keeps beside it what it has to be: its hashes, and the HashKV that the members of the cluster have at its
 * revision. Works without quorum. Throws `SNAPSHOT_NOT_PROVEN` for one that does not boot or is not what the members have; it gets no manifest.
 */
export async function takeSnapshot(request: TakeRequest, tools: SnapshotTools): Promise<TakenSnapshot> {
  return await saveSnapshot(request, tools);
}
