/** A database that cannot be read here. Whether that speaks against it is etcd's to say. */
export class UnreadableDatabase extends Error {}

/**
 * What a meta page says (go.etcd.io/bbolt `internal/common/meta.go`): behind the page's header magic, version, page size, flags (uint32 each), root bucket (page id and
 * sequence), freelist, high-water mark, transaction id, and FNV-1a of all that. Numbers are little-endian, as on every machine that etcd supports.
 */
export interface BoltMeta {
  readonly pageBytes: number;
  /** Root page of the bucket of buckets. */
  readonly root: number;
  /** Pages from here on are not of the database. */
  readonly end: number;
  readonly transaction: bigint;
}

/** A page with what it has beyond its first one (`internal/common/page.go`). */
export interface BoltPage {
  /** Place in the file, in bytes. */
  readonly at: number;
  readonly content: Buffer;
}

/** One key of a leaf page. */
export interface BoltEntry {
  readonly isBucket: boolean;
  readonly key: Buffer;
  readonly value: Buffer;
  /** Place of the value in the file, in bytes. */
  readonly valueAt: number;
}

/** Bytes of a page's header: id, kind, number of elements, number of pages that follow. */
const HEADER = 16;
/** Bytes of an element: for a leaf flags, place, and sizes of key and value; for a branch place, size of the key and page. */
const ELEMENT = 16;
const BRANCH = 1;
const LEAF = 2;
const BUCKET = 1;
const MAGIC = 0xed0cdaed;
const FORMAT = 2;
/** Bytes of a meta page before its checksum. */
const META_BODY = 56;
/** As much of a file as `readMeta` needs of a meta page. */
export const META_BYTES = HEADER + META_BODY + 8;

/** Reads a meta page; `undefined` when it is none, or was written in part. */
export function readMeta(page: Buffer): BoltMeta | undefined {
  if (page.length < META_BYTES) return undefined;
  const meta = page.subarray(HEADER, META_BYTES);
  if (meta.readUInt32LE(0) !== MAGIC || meta.readUInt32LE(4) !== FORMAT) return undefined;
  if (meta.readBigUInt64LE(META_BODY) !== fnv64(meta.subarray(0, META_BODY))) return undefined;
  return { pageBytes: meta.readUInt32LE(8), root: pageId(meta, 16), end: pageId(meta, 40), transaction: meta.readBigUInt64LE(48) };
}

/** FNV-1a of 64 bits. */
function fnv64(content: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of content) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** The length of a page, in bytes, by its first one. Throws `UnreadableDatabase` for a page that is another one. */
export function lengthOfPage(content: Buffer, id: number, pageBytes: number): number {
  if (content.length < HEADER || pageId(content, 0) !== id) throw new UnreadableDatabase(`page ${id} says that it is another one`);
  return (content.readUInt32LE(12) + 1) * pageBytes;
}

/** Whether it is a leaf; else it is a branch. Throws `UnreadableDatabase` for one that is neither. */
export function isLeaf({ content }: BoltPage): boolean {
  const kind = content.readUInt16LE(8);
  if (kind !== LEAF && kind !== BRANCH) throw new UnreadableDatabase(`a page of kind ${kind} in a tree`);
  return kind === LEAF;
}

/** The pages below a branch. */
export function childrenOf({ content }: BoltPage): readonly number[] {
  return elementsOf(content).map((at) => pageId(content, at + 8));
}

/** The entries of a leaf, in order of keys. */
export function entriesOf({ at: pageAt, content }: BoltPage): readonly BoltEntry[] {
  return elementsOf(content).map((at) => {
    const keyAt = at + content.readUInt32LE(at + 4);
    const valueAt = keyAt + content.readUInt32LE(at + 8);
    const end = valueAt + content.readUInt32LE(at + 12);
    if (end > content.length) throw new UnreadableDatabase('an entry goes beyond its page');
    return {
      isBucket: content.readUInt32LE(at) === BUCKET,
      key: content.subarray(keyAt, valueAt),
      value: content.subarray(valueAt, end),
      valueAt: pageAt + valueAt,
    };
  });
}

/** Root page of a bucket; `0` of one that is in its entry itself, as small ones are (`internal/common/bucket.go`). */
export function rootOfBucket({ value }: BoltEntry): number {
  return value.length < 8 ? 0 : pageId(value, 0);
}

/** Places of the elements in a page. */
function elementsOf(content: Buffer): readonly number[] {
  const count = content.readUInt16LE(10);
  if (HEADER + count * ELEMENT > content.length) throw new UnreadableDatabase('a page has more elements than fit');
  return Array.from({ length: count }, (_, index) => HEADER + index * ELEMENT);
}

function pageId(content: Buffer, at: number): number {
  return Number(content.readBigUInt64LE(at));
}
