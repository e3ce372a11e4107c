import { z } from 'zod';

/** Version of the file's shape. */
export const SNAPSHOT_MANIFEST_FORMAT = 1;

const hashKv = z.strictObject({ hash: z.int(), revision: z.string(), compactRevision: z.string() });

/** What was known of a snapshot when it was taken, kept beside it. Ids and revisions are decimal text: they have 64 bits. No secrets. */
export const snapshotManifest = z.strictObject({
  formatVersion: z.literal(SNAPSHOT_MANIFEST_FORMAT),
  /** ISO 8601, by the clock of the machine that took it. */
  takenAt: z.iso.datetime(),
  tool: z.string(),
  /** Client URL of the member it was taken from. */
  endpoint: z.string(),
  etcdVersion: z.string(),
  clusterId: z.string(),
  sizeBytes: z.int().nonnegative(),
  /** SHA-256 of the whole file, hex. */
  sha256: z.string(),
  revision: z.string(),
  /** Hash of all keys at the snapshot's revision; equal on every member, and on whatever is restored from it. */
  hashKv,
  /** The same, as the members that answered had it at that revision. */
  members: z.array(z.strictObject({ endpoint: z.string(), hashKv })),
  /** Objects per resource, by the first parts of their keys. */
  resources: z.record(z.string(), z.int()),
  /** Provider and key name of every form of encryption that values have: `aescbc:v1:key1`. */
  encryption: z.array(z.string()),
  /** uid of the namespace `kube-system`, which is the identity of a cluster; absent when it is encrypted. */
  clusterUid: z.string().optional(),
  /** Authorities that the snapshot itself holds and that could be read: SHA-256 of certificate or public key. */
  authorities: z.array(z.strictObject({ cluster: z.string(), name: z.string(), sha256: z.string() })).optional(),
});

export type SnapshotManifest = z.infer<typeof snapshotManifest>;

/** Where the manifest of a snapshot is: beside it. */
export function manifestPath(snapshot: string): string {
  return `${snapshot}.manifest.json`;
}
