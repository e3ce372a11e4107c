import type { SavedVolume } from '../../backup/saved-volume.ts';
import type { DurationMs } from '../../model/duration.ts';
import type { ChosenRecoveryPoint } from '../backup/recovery-point-schema.ts';
import type { ChosenSources, VolumeSource } from './source-schema.ts';
import type { KnownDisk } from './survivors.ts';

const MINUTE = 60_000;

/** A recovery point with what it says of each of its volumes. */
export interface PointVolumes {
  readonly point: ChosenRecoveryPoint;
  readonly saved: readonly SavedVolume[];
}

export interface ChoiceInput {
  readonly points: readonly PointVolumes[];
  /** Disks that are still there. */
  readonly survivors: readonly KnownDisk[];
  /** All volumes that the lost cluster is known to have had. */
  readonly known: readonly KnownDisk[];
  /** Start of the run, milliseconds. */
  readonly startedAt: number;
  objectiveOf(claim: string): DurationMs;
}

/**
 * One source for each claim: the old disk where there is one, because it has every write; else the backup with the newest bytes of it, wherever it is. What is
 * known and in none of them is lost, with the reason. Pure.
 */
export function chooseSources(input: ChoiceInput): Pick<ChosenSources, 'sources' | 'lost'> {
  const chosen = new Map<string, VolumeSource>();
  for (const { point, saved } of input.points) {
    const details = new Map(saved.map((volume) => [volume.claim, volume]));
    for (const claim of point.volumes) {
      const candidate = ofBackup(claim, { point, saved: details.get(claim) }, input);
      const best = chosen.get(claim);
      if (best === undefined || (candidate.takenAt ?? '') > (best.takenAt ?? '')) chosen.set(claim, candidate);
    }
  }
  for (const disk of input.survivors) {
    chosen.set(disk.claim, { claim: disk.claim, from: 'survivor', minutesLost: 0, objectiveMinutes: input.objectiveOf(disk.claim) / MINUTE, disk });
  }
  return { sources: [...chosen.values()].sort((a, b) => (a.claim < b.claim ? -1 : 1)), lost: [...lostOf(input, new Set(chosen.keys()))] };
}

function ofBackup(claim: string, from: { readonly point: ChosenRecoveryPoint; readonly saved: SavedVolume | undefined }, input: ChoiceInput): VolumeSource {
  const { store, name, completedAt } = from.point;
  const { method = 'snapshot', takenAt = completedAt, bytes, zone, files, isProvisioned = false } = from.saved ?? {};
  const storageClass = isProvisioned ? classIn(input.known.find((disk) => disk.claim === claim)) : undefined;
  return {
    claim,
    from: method,
    store,
    backup: name,
    takenAt,
    minutesLost: Math.max(0, Math.ceil((input.startedAt - Date.parse(takenAt)) / MINUTE)),
    objectiveMinutes: input.objectiveOf(claim) / MINUTE,
    ...(bytes === undefined ? {} : { bytes }),
    ...(zone === undefined ? {} : { zone }),
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(files === undefined ? {} : { files }),
  };
}

/** The class that a claim named; `undefined` when that is not known, and when it named none. */
function classIn(disk: KnownDisk | undefined): string | undefined {
  const name = disk?.claimSpec['storageClassName'];
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function lostOf({ points, known }: ChoiceInput, chosen: ReadonlySet<string>): ChosenSources['lost'] {
  const reasons = new Map(
    points.flatMap(({ point }) => point.withoutData).map(({ claim, reason }) => [claim, `the recovery point holds no data of it: ${reason}`]),
  );
  const claims = [...new Set([...reasons.keys(), ...known.map(({ claim }) => claim)])].filter((claim) => !chosen.has(claim)).sort();
  return claims.map((claim) => ({ claim, reason: reasons.get(claim) ?? 'no recovery point knows of it, and its disk is not known to be there' }));
}
