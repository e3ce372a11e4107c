import type { StepContext } from '../../engine/step.ts';
import { asDrError } from '../../errors/dr-error.ts';
import type { SnapshotManifest } from '../../etcd/snapshot-manifest.ts';
import type { PlanEtcdSnapshots } from '../../model/plan/etcd-snapshots.ts';
import type { StepPorts } from '../ports.ts';
import type { Candidate } from './candidates.ts';
import { fetchFolder, fetchSnapshot } from './fetch-snapshot.ts';
import { manifestOfStored, type OpenPlace, openSnapshotPlace, type StoredSnapshot } from './snapshot-places.ts';
import { snapshotToolsOf } from './snapshot-tools.ts';

type Ctx = StepContext<{ readonly places: readonly PlanEtcdSnapshots[]; readonly folder?: string | undefined }, StepPorts>;

/** A snapshot in a place of the plan, by what stands in the manifest beside it. */
export interface StoredCandidate {
  /** Where it is, for people. */
  readonly at: string;
  readonly takenAt: string;
  readonly revision: string;
  readonly clusterUid: string | undefined;
  /** Brings it to this machine. */
  fetch(): Promise<Candidate>;
}

export interface StoredCandidates {
  /** The newest first. */
  readonly found: readonly StoredCandidate[];
  /** Places and snapshots that were left out, and why. */
  readonly leftOut: readonly string[];
}

/** Lists the places of the plan; what has no manifest has to be named by a person. A place that does not answer is told: another one may have what is needed. */
export async function storedCandidates(ctx: Ctx): Promise<StoredCandidates> {
  const listed = await Promise.all(ctx.with.places.map(async (place) => await listPlace(place, ctx)));
  const found = listed.flatMap((one) => one.found);
  return { found: found.toSorted((a, b) => Date.parse(b.takenAt) - Date.parse(a.takenAt)), leftOut: listed.flatMap((one) => one.leftOut) };
}

async function listPlace(place: PlanEtcdSnapshots, ctx: Ctx): Promise<StoredCandidates> {
  const tools = snapshotToolsOf(ctx);
  try {
    const open = await openSnapshotPlace(place, { objectStores: ctx.ports.objectStores, files: tools.files, signal: ctx.signal });
    const all = (await open.list()).map((stored) => ({ stored, manifest: manifestOfStored(stored) }));
    const found = all.flatMap(({ stored, manifest }) => (manifest === undefined ? [] : [candidateOf(open, { stored, manifest }, ctx)]));
    const bare = all.flatMap(({ stored, manifest }) =>
      manifest === undefined ? [`${atPlace(open, stored)}: it has no manifest, so it is taken only by name`] : [],
    );
    return { found, leftOut: bare };
  } catch (error) {
    const { code, message } = asDrError(error);
    if (ctx.signal.aborted || code === 'BUG') throw error;
    return { found: [], leftOut: [`place ${place.name}: ${message}`] };
  }
}

interface Manifested {
  readonly stored: StoredSnapshot;
  readonly manifest: SnapshotManifest;
}

function candidateOf(open: OpenPlace, { stored, manifest }: Manifested, ctx: Ctx): StoredCandidate {
  const { takenAt, revision, clusterUid } = manifest;
  return {
    at: atPlace(open, stored),
    takenAt,
    revision,
    clusterUid,
    async fetch() {
      const folder = fetchFolder(ctx.with.folder ?? '.', open, stored);
      const { path } = await fetchSnapshot(open, { name: stored.name, folder }, snapshotToolsOf(ctx));
      return { kind: 'backup', path };
    },
  };
}

function atPlace({ location }: OpenPlace, { name }: StoredSnapshot): string {
  return `${location}${location.endsWith('/') ? '' : '/'}${name}`;
}
