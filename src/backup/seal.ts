import { z } from 'zod';
import { canonicalJson } from '../model/json.ts';

/** Version of the file; a reader refuses another one. */
const SEAL_FORMAT = 1;

/**
 * Where a sealed object lies. `backup`: beneath the folder of the backup. `volumes`: beneath the prefix of the snapshot location, by a volume snapshotter that
 * writes objects. `repository`: beneath the folder of Kopia repositories.
 */
export type SealedPlace = 'backup' | 'volumes' | 'repository';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

const sealedObject = z.object({
  place: z.enum(['backup', 'volumes', 'repository']),
  /** Relative to its place, so that a copy of the bucket is judged by the same seal. */
  key: z.string(),
  sizeBytes: z.int().nonnegative(),
  etag: z.string(),
  /** Absent where the bucket keeps no versions, and for blobs of a repository; older seals have it for those too. */
  versionId: z.string().exactOptional(),
  /** Absent for blobs of a repository, which may hold terabytes: they are told by size and ETag. */
  sha256: digest.exactOptional(),
});
export type SealedObject = z.output<typeof sealedObject>;

const seal = z.object({
  format: z.literal(SEAL_FORMAT),
  cluster: z.string(),
  store: z.string(),
  backup: z.string(),
  /** When the backup says it was complete, and when it was sealed: what happened in between, nobody vouches for. ISO 8601, UTC. */
  completedAt: z.string(),
  sealedAt: z.string(),
  /** When Velero was to delete the backup; absent in older seals, and of a backup that is kept for good. */
  expiresAt: z.string().exactOptional(),
  /** Version of the tool. */
  tool: z.string(),
  /** In order of place and key. */
  objects: z.array(sealedObject),
});
/** What every object of a backup was when it was sealed. */
export type Seal = z.output<typeof seal>;

const sealFile = z.object({
  seal,
  /** Over `sealText(seal)`. */
  signature: z.object({ principal: z.string(), signature: z.string() }).exactOptional(),
});
/** A seal as it is kept. */
export type SealFile = z.output<typeof sealFile>;

/** Folder of the run state that holds seals. */
export const SEALS = 'seals';

/** Key of a seal in the run state: `seals/<cluster>/<store>/<backup>.json`. */
export function sealKey({ cluster, store, backup }: { readonly cluster: string; readonly store: string; readonly backup: string }): string {
  return `${SEALS}/${cluster}/${store}/${backup}.json`;
}

/** Makes a seal of objects as they were seen, in whatever order; all but blobs of a repository must have been read. */
export function newSeal({ objects, ...parts }: Omit<Seal, 'format' | 'objects'> & { readonly objects: readonly SealedObject[] }): Seal {
  const order = ({ place, key }: SealedObject): string => `${place} ${key}`;
  const sealed = objects.map(({ place, key, sizeBytes, etag, versionId, sha256 }) => ({
    place,
    key,
    sizeBytes,
    etag,
    ...(versionId === undefined ? {} : { versionId }),
    ...(sha256 === undefined ? {} : { sha256 }),
  }));
  return { format: SEAL_FORMAT, ...parts, objects: sealed.toSorted((a, b) => (order(a) < order(b) ? -1 : 1)) };
}

/** The text that a signature of a seal is over. */
export function sealText(sealed: Seal): string {
  return `lattice-dr seal\n${canonicalJson(sealed)}\n`;
}

/** Reads a kept seal; `undefined` when it is none, or one of another version. */
export function parseSeal(content: Uint8Array): SealFile | undefined {
  try {
    return sealFile.safeParse(JSON.parse(Buffer.from(content).toString())).data;
  } catch {
    return undefined; // Not JSON: said by whoever asked for it.
  }
}
