import type { SealedBackup } from '../operations/backup-seal.ts';
import type { TakenBackup } from '../operations/backup-take.ts';
import type { DeletedBackup } from '../operations/mosk-delete.ts';
import type { TakenMoskBackup } from '../operations/mosk-take.ts';

/** Writes for people that a backup was taken, and what vouches for it. */
export function takenView({ name, store, completedAt, warnings, proof }: TakenBackup<SealedBackup>): string {
  return [
    `backup ${name} in store ${store}: Completed at ${completedAt}${warnings === 0 ? '' : `, with ${warnings} warnings of Velero`}\n`,
    `read to its last byte and sealed: ${proof.seal.objects.length} objects, kept at ${proof.location}/${proof.key}\n`,
    proof.signedBy === undefined ? '' : `signed by ${proof.signedBy}\n`,
    ...proof.warnings.map((warning) => `but: ${warning}\n`),
  ].join('');
}

/** Writes for people that a ClusterBackup was taken. */
export function takenMoskView({ name, destination, files, uploadedAt, verdict, note }: TakenMoskBackup): string {
  return `ClusterBackup ${name}: uploaded to ${destination} at ${uploadedAt} as ${files.join(', ')}\n${verdict.reason}\n${note}\n`;
}

/** Writes for people that a ClusterBackup is gone. */
export function deletedView({ name, destination, files, deletedAt }: DeletedBackup): string {
  return `ClusterBackup ${name} is gone: ${files.join(', ') || 'its files'} deleted from ${destination} at ${deletedAt}, then the object\n`;
}
