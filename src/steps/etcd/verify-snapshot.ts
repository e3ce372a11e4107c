import { DrError } from '../../errors/dr-error.ts';
import { judgeSnapshot, type SnapshotLevel, type SnapshotVerdict } from '../../etcd/snapshot-levels.ts';
import { manifestPath, type SnapshotManifest, snapshotManifest } from '../../etcd/snapshot-manifest.ts';
import { parseJson } from '../../model/json.ts';
import type { LocalFiles } from '../../ports/local-files.ts';
import { examineSnapshot, type SnapshotPlace, type SnapshotTools } from './examine-snapshot.ts';

export interface VerifyRequest extends SnapshotPlace {
  /** Manifest of the snapshot; by default the file beside it, when there is one. */
  readonly manifest?: string | undefined;
  /** uid of the cluster's `kube-system`. */
  readonly clusterUid?: string | undefined;
  /** Oldest that is accepted, in milliseconds. */
  readonly maxAgeMs?: number | undefined;
}

/** A snapshot, judged. */
export interface VerifiedSnapshot {
  readonly path: string;
  readonly verdict: SnapshotVerdict;
  readonly levels: readonly SnapshotLevel[];
  readonly manifest?: SnapshotManifest;
}

/**
 * Judges a snapshot by booting it: nothing it is to be restored to is touched. Never throws for what is wrong with the snapshot, that is the verdict; throws
 * `INPUT_INVALID` for files that cannot be read and `PROCESS_NOT_FOUND` without etcd's programs.
 */
export async function verifySnapshot(request: VerifyRequest, tools: SnapshotTools): Promise<VerifiedSnapshot> {
  const manifest = await readManifest(request, tools.files);
  const facts = await examineSnapshot(request, tools);
  const { clusterUid, maxAgeMs } = request;
  const judged = judgeSnapshot(
    { ...facts, ...(manifest === undefined ? {} : { manifest }) },
    { now: tools.clock.now(), ...(clusterUid === undefined ? {} : { clusterUid }), ...(maxAgeMs === undefined ? {} : { maxAgeMs }) },
  );
  return { path: request.path, ...judged, ...(manifest === undefined ? {} : { manifest }) };
}

/** The manifest of a snapshot, by name or beside it; `undefined` when there is none there. Throws `INPUT_INVALID`. */
export async function readManifest({ path, manifest }: Pick<VerifyRequest, 'path' | 'manifest'>, files: LocalFiles): Promise<SnapshotManifest | undefined> {
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
