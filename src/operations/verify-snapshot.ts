import { DrError } from '../errors/dr-error.ts';
import { authorityFact } from '../etcd/pki/authorities.ts';
import { authoritiesInside } from '../etcd/pki/inside.ts';
import { type KeyReach, keyReach } from '../etcd/pki/reach.ts';
import { type JudgedSnapshot, judgeSnapshot, type SealedSnapshot, type SnapshotFacts } from '../etcd/snapshot-levels.ts';
import { manifestPath, type SnapshotManifest, snapshotManifest } from '../etcd/snapshot-manifest.ts';
import { parseJson } from '../model/json.ts';
import type { LocalFiles } from '../ports/local-files.ts';
import { examineSnapshot, type SnapshotPlace, type SnapshotTools } from '../steps/etcd/examine-snapshot.ts';
import type { RecoveryKeys } from '../steps/etcd/recovery-keys.ts';

export interface VerifyRequest extends SnapshotPlace {
  /** Manifest of the snapshot; by default the file beside it, when there is one. */
  readonly manifest?: string | undefined;
  /** uid of the cluster's `kube-system`. */
  readonly clusterUid?: string | undefined;
  /** Oldest that is accepted, in milliseconds. */
  readonly maxAgeMs?: number | undefined;
  /** What the plan says of the cluster; without a plan nothing is known of its keys. */
  readonly planned?: PlannedCluster | undefined;
  /** What was sealed under its name. */
  readonly sealed?: SealedSnapshot | undefined;
}

/** The cluster that a snapshot should be of, and its keys that are kept outside of it. */
export interface PlannedCluster {
  readonly cluster: string;
  readonly keys: RecoveryKeys;
}

/** A snapshot, judged. */
export interface VerifiedSnapshot extends JudgedSnapshot {
  readonly path: string;
  readonly manifest?: SnapshotManifest;
  /** Where the keys are that a restored cluster needs; absent without a plan, or when the snapshot could not be read. */
  readonly keys?: readonly KeyReach[];
}

/**
 * Judges a snapshot by booting it: nothing it is to be restored to is touched. Never throws for what is wrong with the snapshot, that is the verdict; throws
 * `INPUT_INVALID` for files that cannot be read and `PROCESS_NOT_FOUND` without etcd's programs.
 */
export async function verifySnapshot(request: VerifyRequest, tools: SnapshotTools): Promise<VerifiedSnapshot> {
  const manifest = await readManifest(request, tools.files);
  const facts = await examineSnapshot({ ...request, etcdVersion: manifest?.etcdVersion }, tools);
  return {
    path: request.path,
    ...judgedSnapshot(
      { ...facts, ...(manifest === undefined ? {} : { manifest }), ...(request.sealed === undefined ? {} : { sealed: request.sealed }) },
      request,
      tools.clock.now(),
    ),
  };
}

/** Judges what was found out about a snapshot, by what is expected of it and with the keys that a plan names. */
export function judgedSnapshot(
  facts: SnapshotFacts,
  wanted: Pick<VerifyRequest, 'clusterUid' | 'maxAgeMs' | 'planned'>,
  now: number,
): Omit<VerifiedSnapshot, 'path'> {
  const { clusterUid, maxAgeMs, planned } = wanted;
  const { booted, manifest } = facts;
  const { encryption, authorities } = planned?.keys ?? {};
  const outside = authorities?.map((pair) => authorityFact(pair, now));
  const expected = {
    now,
    ...(clusterUid === undefined ? {} : { clusterUid }),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    ...(planned === undefined ? {} : { cluster: planned.cluster }),
    ...(encryption === undefined ? {} : { encryption }),
    ...(outside === undefined ? {} : { authorities: outside }),
  };
  const known = { ...judgeSnapshot(facts, expected), ...(manifest === undefined ? {} : { manifest }) };
  if (booted === undefined || planned === undefined) return known;
  const inside = authoritiesInside(booted.content.authorities, encryption ?? [], now).filter(({ cluster }) => cluster.endsWith(`/${planned.cluster}`));
  return { ...known, keys: keyReach({ outside, inside, encryption: booted.content.encryption, hasEncryptionKeys: encryption !== undefined }) };
}

async function readManifest({ path, manifest }: VerifyRequest, files: LocalFiles): Promise<SnapshotManifest | undefined> {
  const from = manifest ?? manifestPath(path);
  const content = await files.readSmall(from);
  if (content === undefined && manifest === undefined) return undefined;
  const parsed = snapshotManifest.safeParse(content === undefined ? undefined : parseJson(content));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const fault = content === undefined ? 'it does not exist' : `${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'it is no JSON'}`;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `${from} is no manifest of a snapshot: ${fault}`,
    suggestions: ['use the manifest that lattice-dr etcd snapshot take wrote beside the snapshot', 'move it away to judge the snapshot by its content alone'],
  });
}
