import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DrError } from '../../errors/dr-error.ts';
import type { SnapshotFileFacts } from '../../etcd/snapshot-file.ts';
import { manifestPath } from '../../etcd/snapshot-manifest.ts';
import { downloadSnapshot } from './download-snapshot.ts';
import type { SnapshotTools } from './examine-snapshot.ts';
import type { OpenPlace, StoredSnapshot } from './snapshot-places.ts';

/** A snapshot of a place, on this machine. */
export interface FetchedSnapshot {
  readonly path: string;
  readonly stored: StoredSnapshot;
  /** What its bytes are, when they were downloaded just now. */
  readonly read?: SnapshotFileFacts;
}

/**
 * Brings a snapshot and its manifest to this machine: into `folder`, resumed if it was begun, or not at all when its place is a folder here. Throws
 * `INPUT_INVALID` for one that is not there.
 */
export async function fetchSnapshot(
  open: OpenPlace,
  { name, folder }: { readonly name: string; readonly folder: string },
  tools: SnapshotTools,
): Promise<FetchedSnapshot> {
  const { files } = tools;
  const stored = await open.find(name);
  if (stored === undefined)
    throw new DrError({
      code: 'INPUT_INVALID',
      message: `${open.location} holds no snapshot ${name}`,
      suggestions: ['see what there is: lattice-dr etcd snapshot list'],
    });
  const { source } = open;
  if ('folder' in source) return { path: join(source.folder, name), stored };
  const { object, manifest } = stored;
  if (object === undefined) throw new DrError({ code: 'BUG', message: `${name} of a bucket is no object` });
  const path = join(folder, name);
  const there = await files.list(folder);
  const read = there.some((file) => file.name === name) ? undefined : await downloadSnapshot({ store: source.store, object, to: path }, tools);
  if (manifest === undefined) await files.remove(manifestPath(path));
  else await files.replace(manifestPath(path), [manifest]);
  return { path, stored, ...(read === undefined ? {} : { read }) };
}

/** Where downloads of a snapshot as it is now are kept until they were judged: other content under the same name has another folder. */
export function fetchFolder(root: string, { location }: OpenPlace, { name, object }: StoredSnapshot): string {
  const identity = JSON.stringify([location, name, object?.etag ?? '', object?.versionId ?? '']);
  return join(root, createHash('sha256').update(identity).digest('hex').slice(0, 16));
}
