import { z } from 'zod';
import { namespacedName } from '../../model/plan/fields.ts';
import { judgedPoint } from '../backup/recovery-point-schema.ts';
import { lostVolume, volumeSource } from './source-schema.ts';

/** A volume that is there already and has to make room. What of it is on disk is kept. */
export const occupiedClaim = z.object({
  /** `namespace/name`. */
  claim: namespacedName,
  /** Of the claim; absent when only its volume is left. */
  claimUid: z.string().exactOptional(),
  volume: z.string().exactOptional(),
  volumeUid: z.string().exactOptional(),
});
export type OccupiedClaim = z.output<typeof occupiedClaim>;

/** Output of `volumes/select`. */
export const selection = z.object({
  sources: z.array(volumeSource),
  lost: z.array(lostVolume),
  /** The backups that are restored from, as they were judged. */
  recoveryPoints: z.array(judgedPoint),
  occupied: z.array(occupiedClaim),
  /** `namespace/name` of the platform's services that mount what is restored: they are removed and applied again. */
  services: z.array(z.string()),
  /** Keys of the objects to apply again. */
  objects: z.array(z.string()),
});
export type Selection = z.output<typeof selection>;
