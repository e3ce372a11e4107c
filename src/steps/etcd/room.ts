import { DrError } from '../../errors/dr-error.ts';
import type { Plane, PlaneMember } from './plane-schema.ts';

/**
 * What a restored member needs of its disk beside its log, in sizes of the snapshot: the copy that is sent, the database made of it, and as much again to grow and to be
 * defragmented in (etcd.io, "Maintenance": a defragmentation writes the whole database anew).
 */
const SNAPSHOTS_THAT_FIT = 3;
const MIB = 1024 * 1024;
/** Files of etcd's log: one, and the next, which is set aside at once, of 64 MB each (etcd `server/storage/wal/wal.go`, `SegmentSizeBytes`; `file_pipeline.go`). */
const LOG_BYTES = 2 * 64_000_000;

/** Refuses a restore that would run out of disk after everything was stopped. A machine that is silent says nothing of its disk. Throws `CONTROL_PLANE_NOT_READY`. */
export function refuseWithoutRoom({ members }: Plane, sizeBytes: number): void {
  const needed = SNAPSHOTS_THAT_FIT * sizeBytes;
  /** A log elsewhere is on a disk that was not asked about. */
  const neededOn = ({ walDir }: PlaneMember): number => needed + (walDir === undefined ? LOG_BYTES : 0);
  const tight = members.filter((member) => (member.freeBytes ?? Infinity) < neededOn(member));
  if (tight.length === 0) return;
  const free = tight.map((member) => `${member.node} has ${mib(member.freeBytes ?? 0)} free for ${member.dataDir}, and needs ${mib(neededOn(member))}`);
  throw new DrError({
    code: 'CONTROL_PLANE_NOT_READY',
    message: `a snapshot of ${mib(sizeBytes)} does not fit on the disk of each member: ${free.join('; ')}`,
    suggestions: ['free space there, or grow the disk, and start again: nothing has been stopped yet'],
  });
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
