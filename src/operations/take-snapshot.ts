import { DrError, isDrError } from '../errors/dr-error.ts';
import { authoritiesInside } from '../etcd/pki/inside.ts';
import type { BootedFacts } from '../etcd/snapshot-levels.ts';
import { judgeSnapshot } from '../etcd/snapshot-levels.ts';
import { manifestPath, SNAPSHOT_MANIFEST_FORMAT, type SnapshotManifest } from '../etcd/snapshot-manifest.ts';
import type { Etcd, EtcdRef } from '../ports/etcd.ts';
import { examineSnapshot, type SnapshotPlace, type SnapshotTools } from '../steps/etcd/examine-snapshot.ts';
import { judgedSnapshot, type PlannedCluster, type VerifiedSnapshot } from './verify-snapshot.ts';

export interface TakeRequest extends SnapshotPlace {
  /** Members of one cluster. The snapshot is of the first; the others are asked for their hash at its revision. */
  readonly endpoints: readonly [EtcdRef, ...EtcdRef[]];
  /** What the plan says of the cluster. */
  readonly planned?: PlannedCluster | undefined;
}

/** A snapshot that was taken, judged by booting it. */
export interface TakenSnapshot extends VerifiedSnapshot {
  readonly manifest: SnapshotManifest;
  /** What could not be asked of a member. */
  readonly findings: readonly string[];
}

/**
 * Takes a snapshot of a member, boots it, and keeps beside it what it has to be: its hashes, and the HashKV that the members of the cluster have at its
 * revision. Works without quorum. Throws `SNAPSHOT_NOT_PROVEN` for one that does not boot or is not what the members have; it gets no manifest.
 */
export async function takeSnapshot(request: TakeRequest, tools: SnapshotTools): Promise<TakenSnapshot> {
  const { path, endpoints } = request;
  const { files, signal, onProgress, clock } = tools;
  await using members = new AsyncDisposableStack();
  const open = await Promise.all(endpoints.map(async (ref) => ({ endpoint: ref.endpoint, etcd: members.use(await tools.etcds.open(ref)) })));
  const first = open[0] ?? endpointMissing();
  const status = await first.etcd.status(signal);
  const takenAt = new Date(clock.now()).toISOString();
  onProgress(`taking a snapshot of ${first.endpoint}, at revision ${status.revision} or later`);
  await files.writeNew(path, first.etcd.snapshot(signal));
  const facts = await examineSnapshot({ ...request, etcdVersion: status.version }, tools);
  const { booted } = facts;
  if (booted === undefined) throw notProven(path, judgeSnapshot(facts, { now: clock.now() }).levels.find(({ state }) => state === 'failed')?.reason ?? '');
  const { hashes, findings } = await askMembers(open, booted, signal);
  const differing = hashes.filter(({ hashKv }) => hashKv.compactRevision === booted.hashKv.compactRevision && hashKv.hash !== booted.hashKv.hash);
  if (differing.length > 0)
    throw notProven(path, `HashKV at revision ${booted.hashKv.revision} is another one on ${differing.map(({ endpoint }) => endpoint).join(', ')}`);
  const manifest = manifestOf({ booted, takenAt, tool: tools.tool, endpoint: first.endpoint, status, planned: request.planned }, facts.file, hashes);
  await files.writeNew(manifestPath(path), [Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`)]);
  return { path, ...judgedSnapshot({ ...facts, manifest }, request, clock.now()), manifest, findings };
}

function endpointMissing(): never {
  throw new DrError({ code: 'USAGE', message: 'no endpoint to take a snapshot of' });
}

interface Member {
  readonly endpoint: string;
  readonly etcd: Etcd;
}

/** A member that is gone, or has compacted the revision away, is a finding: the snapshot of one survivor is taken without the others. */
async function askMembers(
  open: readonly Member[],
  { hashKv }: BootedFacts,
  signal: AbortSignal,
): Promise<{ readonly hashes: SnapshotManifest['members']; readonly findings: readonly string[] }> {
  const hashes: SnapshotManifest['members'] = [];
  const findings: string[] = [];
  await Promise.all(
    open.map(async ({ endpoint, etcd }) => {
      try {
        hashes.push({ endpoint, hashKv: await etcd.hashKv(hashKv.revision, signal) });
      } catch (error) {
        if (!isDrError(error, 'ETCD_FAILED', 'ETCD_UNAVAILABLE')) throw error;
        findings.push(`${endpoint} was not compared: ${error.message}`);
      }
    }),
  );
  return { hashes: hashes.toSorted((a, b) => (a.endpoint < b.endpoint ? -1 : 1)), findings: findings.toSorted() };
}

interface Taken {
  readonly booted: BootedFacts;
  readonly takenAt: string;
  readonly tool: string;
  readonly endpoint: string;
  readonly status: { readonly version: string; readonly clusterId: string };
  readonly planned: PlannedCluster | undefined;
}

function manifestOf(
  { booted, takenAt, tool, endpoint, status, planned }: Taken,
  file: { readonly sizeBytes: number; readonly sha256: string },
  members: SnapshotManifest['members'],
): SnapshotManifest {
  const { content, hashKv } = booted;
  const authorities = authoritiesInside(content.authorities, planned?.keys.encryption ?? [], Date.parse(takenAt));
  return {
    formatVersion: SNAPSHOT_MANIFEST_FORMAT,
    takenAt,
    tool,
    endpoint,
    etcdVersion: status.version,
    clusterId: status.clusterId,
    sizeBytes: file.sizeBytes,
    sha256: file.sha256,
    revision: booted.status.revision,
    hashKv,
    members,
    resources: content.resources,
    encryption: [...content.encryption],
    ...(content.clusterUid === undefined ? {} : { clusterUid: content.clusterUid }),
    ...(authorities.length === 0 ? {} : { authorities: authorities.map(({ cluster, name, sha256 }) => ({ cluster, name, sha256 })) }),
  };
}

/** The file stays: of a last survivor it may be all there is. Without a manifest it counts for nothing by itself. */
function notProven(path: string, why: string): DrError {
  return new DrError({
    code: 'SNAPSHOT_NOT_PROVEN',
    message: `the snapshot that was taken is not what it should be, and is kept in ${path} without a manifest: ${why}`,
    suggestions: ['take another one, of another member if it happens again', 'compare the members: etcdctl endpoint hashkv --cluster'],
  });
}
