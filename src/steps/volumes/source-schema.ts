import { z } from 'zod';
import { volumeFact } from '../../model/baseline.ts';

/** Where the bytes of one claim come from, chosen before anything is destroyed and frozen for the run. */
export const volumeSource = z.object({
  /** `namespace/name`. */
  claim: z.string(),
  /** `survivor`: the old disk itself. `snapshot`: storage makes it from a snapshot. `fs-backup`: file by file, through a pod that mounts it. */
  from: z.enum(['survivor', 'snapshot', 'fs-backup']),
  /** Of a backup: its store and name, and when the bytes were taken, ISO 8601. */
  store: z.string().exactOptional(),
  backup: z.string().exactOptional(),
  takenAt: z.string().exactOptional(),
  /** Writes of this time before the run began are lost; 0 for a survivor. */
  minutesLost: z.number(),
  /** The objective for this volume, in minutes. */
  objectiveMinutes: z.number(),
  bytes: z.number().exactOptional(),
  zone: z.string().exactOptional(),
  /** Class of the lost cluster that made it, where the new cluster has to make it likewise and a baseline names it. */
  storageClass: z.string().exactOptional(),
  files: z.object({ snapshot: z.string(), uploader: z.string(), volume: z.string() }).exactOptional(),
  /** Of a survivor: the old PersistentVolume and its claim. */
  disk: volumeFact.exactOptional(),
});
export type VolumeSource = z.output<typeof volumeSource>;

/** A claim of which no bytes are left, and why. */
export const lostVolume = z.object({ claim: z.string(), reason: z.string() });

/** Output of `volumes/sources`. */
export const chosenSources = z.object({ sources: z.array(volumeSource), lost: z.array(lostVolume), findings: z.array(z.string()) });
export type ChosenSources = z.output<typeof chosenSources>;

/** How a source is named to people. */
export function sourceText({ from, backup, takenAt }: VolumeSource): string {
  if (from === 'survivor') return 'its old disk';
  return `${from} of ${backup ?? ''}${takenAt === undefined ? '' : ` (${takenAt})`}`;
}

/** What is lost with a source, against the objective. */
export function lossText({ minutesLost, objectiveMinutes }: VolumeSource): string {
  if (minutesLost === 0) return 'nothing is lost';
  return `${minutesLost} min of writes are lost, ${minutesLost > objectiveMinutes ? `more than the objective of ${objectiveMinutes} min` : `objective ${objectiveMinutes} min`}`;
}
