import type { SnapshotTools } from '../steps/etcd/examine-snapshot.ts';
import { type JudgedFile, judgeFile, type VerifyRequest } from '../steps/etcd/verify-snapshot.ts';

/** A snapshot, judged. */
export type VerifiedSnapshot = JudgedFile;

/**
 * Judges a snapshot by booting it: nothing it is to be restored to is touched. Never throws for what is wrong with the snapshot, that is the verdict; throws
 * `INPUT_INVALID` for files that cannot be read and `PROCESS_NOT_FOUND` without etcd's programs.
 */
export async function verifySnapshot(request: VerifyRequest, tools: SnapshotTools): Promise<VerifiedSnapshot> {
  return await judgeFile(request, tools);
}
