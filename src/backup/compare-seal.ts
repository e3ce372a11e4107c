import { someOf } from '../model/some-of.ts';
import { comparePacks } from './compare-packs.ts';
import { blobName, isPack } from './kopia-blobs.ts';
import type { Seal, SealedObject, SealedPlace } from './seal.ts';

/** An object as it is in the bucket now. */
export interface SeenObject {
  readonly place: SealedPlace;
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly versionId?: string;
  /** Of its bytes, where they were read. */
  readonly sha256?: string;
}

export interface SealedDifferences {
  readonly differences: readonly string[];
  /** Objects that only their bytes can tell: nothing that the bucket says of them proves that they are what was sealed. */
  readonly undecided: readonly SeenObject[];
  /** Blobs of a repository that are of their size and have another ETag, which proves nothing either way. */
  readonly retagged: readonly SeenObject[];
  /** Packs of a repository that are gone: written anew by its maintenance, or deleted by somebody. What they held may be there or not. */
  readonly gone: readonly string[];
  /** Why it may be another than what was sealed although nothing of it is wrong, and nothing more can be read to tell. */
  readonly doubts: readonly string[];
}

/**
 * Compares a seal with what is in the bucket. Bytes need not be read again where the current version is the very one that was sealed: a version is never
 * changed, only deleted or followed by another (Amazon S3 User Guide, "How S3 Versioning works"). Without versions only the digest decides. Repositories grow
 * by later backups; additions elsewhere are differences.
 */
export function compareSeal({ objects }: Seal, seen: readonly SeenObject[]): SealedDifferences {
  const now = new Map(seen.map((object) => [nameOf(object), object]));
  const sealed = new Set(objects.map(nameOf));
  const compared = objects
    .map((object) => ({ object, found: now.get(nameOf(object)) }))
    .map(({ object, found }) => ({ object, found, answer: compareOne(object, found) }));
  const added = seen
    .filter((object) => object.place !== 'repository' && !sealed.has(nameOf(object)))
    .map((object) => `${nameOf(object)} was added after it was sealed`);
  const packs = comparePacks(objects, seen);
  const foundAs = (wanted: string) => compared.flatMap(({ answer, found }) => (answer === wanted && found !== undefined ? [found] : []));
  const retagged = foundAs('retagged');
  return {
    differences: [...compared.flatMap(({ answer }) => (NO_DIFFERENCE.has(answer) ? [] : [answer])), ...packs.lost, ...added],
    undecided: foundAs('undecided'),
    retagged,
    gone: packs.gone.map((key) => nameOf({ place: 'repository', key })),
    doubts: [...packs.doubts, ...retaggedDoubt(retagged)],
  };
}

const NO_DIFFERENCE: ReadonlySet<string> = new Set(['equal', 'undecided', 'retagged', 'gone']);
/** So many blobs are named. */
const NAMED = 3;

function retaggedDoubt(retagged: readonly SeenObject[]): readonly string[] {
  if (retagged.length === 0) return [];
  const named = someOf(retagged.map(nameOf), NAMED);
  return [
    `${retagged.length} blobs of its repositories have the size that was sealed and another ETag (${named}): copied since, or written over; of blobs nothing else is sealed, so nothing can tell`,
  ];
}

function compareOne(sealed: SealedObject, found: SeenObject | undefined): string {
  const name = nameOf(sealed);
  if (found === undefined) return sealed.place === 'repository' && isPack(blobName(sealed.key)) ? 'gone' : `${name} is gone since it was sealed`;
  if (found.sizeBytes !== sealed.sizeBytes) return `${name} has ${found.sizeBytes} bytes, and had ${sealed.sizeBytes} when it was sealed`;
  if (sealed.sha256 === undefined) return compareTags(name, sealed.etag, found.etag);
  if (found.sha256 !== undefined) return found.sha256 === sealed.sha256 ? 'equal' : `${name} is not what was sealed: its digest is ${found.sha256}`;
  return sealed.versionId !== undefined && sealed.versionId === found.versionId && sealed.etag === found.etag ? 'equal' : 'undecided';
}

/** An ETag that may be the MD5 of the bytes. */
const DIGEST = /^[0-9a-f]{32}$/;

/**
 * Another ETag proves other bytes only where both are digests of them: that of an upload in parts depends on the sizes of the parts (Amazon S3 API reference,
 * "Object"), that of GCS is the generation of the object and that of Azure the time of the write, and all of these are others after the bucket was copied. That
 * of SSE-KMS and SSE-C looks like a digest and is none: such a copy cannot be told from other bytes.
 */
function compareTags(name: string, sealed: string, found: string): string {
  if (found === sealed) return 'equal';
  return DIGEST.test(sealed) && DIGEST.test(found) ? `${name} was replaced since it was sealed: its ETag is another` : 'retagged';
}

function nameOf({ place, key }: Pick<SeenObject, 'place' | 'key'>): string {
  return `${place === 'backup' ? '' : `${place}/`}${key}`;
}
