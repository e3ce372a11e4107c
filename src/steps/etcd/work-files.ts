import type { ReadContext } from '../../engine/step.ts';

/** A large file of a run on this machine: snapshots are too large for the store of runs. */
export function workFile({ run, with: { folder } }: Pick<ReadContext<{ readonly folder: string }, unknown>, 'run' | 'with'>, name: string): string {
  return `${folder}/${run.id}/${name}`;
}
