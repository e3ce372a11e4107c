import { isDrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import { planObjectives } from '../model/plan/objectives.ts';
import { manifestOfStored, type StoredSnapshot } from '../steps/etcd/snapshot-places.ts';
import { openPlace, type PlaceWork, placeNamed, placesOf, sealedSnapshot } from './snapshot-places.ts';

/** Snapshots of a cluster's etcd, newest first. */
export interface SnapshotList {
  readonly cluster: string;
  readonly rpoMs: DurationMs;
  readonly snapshots: readonly ListedSnapshot[];
  /** What could not be read, and why. */
  readonly findings: readonly string[];
}

/** One of them, by what lies there: nothing is booted. */
export interface ListedSnapshot {
  readonly name: string;
  readonly place: string;
  readonly sizeBytes: number;
  /** By its manifest; else when it was stored. ISO 8601. */
  readonly takenAt: string;
  readonly ageMs: number;
  readonly isLate: boolean;
  readonly revision?: string;
  readonly etcdVersion?: string;
  readonly clusterUid?: string;
  readonly objects?: number;
  readonly encryption: readonly string[];
  /** Names of the cluster's authorities that it holds itself. */
  readonly authorities: readonly string[];
  /** `unanchored`: no manifest. `bad`: another size than its manifest says, or a seal that does not vouch for it. `unverified`: what lies there fits; verify boots it. */
  readonly state: 'unverified' | 'unanchored' | 'bad';
  readonly reason?: string;
  readonly sealedAt?: string;
}

/** Lists the snapshots of the plan's places, or of one, without asking the cluster. A place that cannot be read is a finding; the others are listed. */
export async function listSnapshots({ place }: { readonly place?: string | undefined }, tools: PlaceWork): Promise<SnapshotList> {
  const places = place === undefined ? placesOf(tools) : [placeNamed(tools, place)];
  const { rpo } = planObjectives.parse(tools.plan.values['objectives']);
  const findings: string[] = [];
  const lists = await Promise.all(
    places.map(async (section) => {
      try {
        const stored = await (await openPlace(section, tools)).list();
        return await Promise.all(stored.map(async (one) => await listedOf(one, { place: section.name, rpoMs: rpo, tools })));
      } catch (error) {
        if (!isDrError(error) || error.code === 'BUG' || tools.signal.aborted) throw error;
        findings.push(`${section.name}: ${error.message}`);
        return [];
      }
    }),
  );
  const snapshots = lists.flat().toSorted((a, b) => (a.takenAt < b.takenAt ? 1 : -1));
  return { cluster: tools.plan.plan.spec.cluster.name, rpoMs: rpo, snapshots, findings };
}

interface Listing {
  readonly place: string;
  readonly rpoMs: DurationMs;
  readonly tools: PlaceWork;
}

async function listedOf(stored: StoredSnapshot, { place, rpoMs, tools }: Listing): Promise<ListedSnapshot> {
  const manifest = manifestOfStored(stored);
  const sealed = await sealedSnapshot(place, stored, tools);
  const takenAt = manifest?.takenAt ?? stored.storedAt;
  const ageMs = Math.max(0, tools.clock.now() - Date.parse(takenAt));
  const known =
    manifest === undefined
      ? { encryption: [], authorities: [] }
      : {
          revision: manifest.revision,
          etcdVersion: manifest.etcdVersion,
          objects: Object.values(manifest.resources).reduce((sum, count) => sum + count, 0),
          encryption: manifest.encryption,
          authorities: (manifest.authorities ?? []).filter((one) => one.cluster.endsWith(`/${tools.plan.plan.spec.cluster.name}`)).map((one) => one.name),
          ...(manifest.clusterUid === undefined ? {} : { clusterUid: manifest.clusterUid }),
        };
  const wrong =
    sealed?.refused ??
    (manifest !== undefined && manifest.sizeBytes !== stored.sizeBytes ? `it has ${stored.sizeBytes} bytes, and ${manifest.sizeBytes} were taken` : undefined);
  return {
    name: stored.name,
    place,
    sizeBytes: stored.sizeBytes,
    takenAt,
    ageMs,
    isLate: ageMs > rpoMs,
    ...known,
    state: wrong === undefined ? (manifest === undefined ? 'unanchored' : 'unverified') : 'bad',
    ...(wrong === undefined ? {} : { reason: wrong }),
    ...(sealed === undefined ? {} : { sealedAt: sealed.sealedAt }),
  };
}
