import { DrError } from '../../errors/dr-error.ts';
import type { Plane } from './plane-schema.ts';

/**
 * What a restored member needs of its disk, in sizes of the snapshot: the copy that is sent, the database made of it, and as much again to grow and to be
 * defragmented in (etcd.io, "Maintenance": a defragmentation writes the whole database anew).
 */
const SNAPSHOTS_THAT_FIT = 3;
const MIB = 1024 * 1024;

/** Refuses a restore that would run out of disk after everything was stopped. A machine that is silent says nothing of its disk. Throws `CONTROL_PLANE_NOT_READY`. */
export function refuseWithoutRoom({ members }: Plane, sizeBytes: number): void {
  const needed = SNAPSHOTS_THAT_FIT * sizeBytes;
  const tight = members.filter(({ freeBytes = Infinity }) => freeBytes < needed);
  if (tight.length === 0) return;
  const free = tight.map(({ node, dataDir, freeBytes = 0 }) => `${node} has ${mib(freeBytes)} free for ${dataDir}`);
  throw new DrError({
    code: 'CONTROL_PLANE_NOT_READY',
    message: `a snapshot of ${mib(sizeBytes)} needs ${mib(needed)} on the disk of each member: ${free.join(', ')}`,
    suggestions: ['free space there, or grow the disk, and start again: nothing has been stopped yet'],
  });
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
