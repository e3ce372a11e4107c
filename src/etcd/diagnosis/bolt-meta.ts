/**
 * Layout of a meta page (go.etcd.io/bbolt, `internal/common/{page,meta}.go`): a page header of 16 bytes, then magic, version, page size, flags (uint32 each), root
 * bucket (page id and sequence), freelist, high-water mark, transaction id, and FNV-64a of all that; little-endian on every machine that etcd is built for.
 */
const HEADER = 16;
const MAGIC = 0xed0cdaed;
const VERSION = 2;
const AT = { magic: HEADER, version: HEADER + 4, pageSize: HEADER + 8, pages: HEADER + 40, checksum: HEADER + 56 } as const;
const META_END = HEADER + 64;

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;
const WORD = 0xffffffffffffffffn;

/** As much of a database as its two meta pages have, whatever the size of its pages up to 16 KiB, in bytes. */
export const BOLT_HEAD_BYTES = 32_768;

/**
 * What keeps bbolt from opening a database, by its first bytes and its size; `undefined` when nothing does. Pages behind the first two have no checksums, so
 * this tells a file that is no database, or is cut short, and no more.
 */
export function boltFault(head: Uint8Array, sizeBytes: number): string | undefined {
  const bytes = Buffer.from(head);
  const metas = [0, 4_096, 8_192, 16_384].map((at) => metaAt(bytes, at)).filter((meta) => meta !== undefined);
  if (metas.length === 0) return 'neither of its meta pages is whole';
  const needed = Math.max(...metas.map(({ pages, pageSize }) => pages * pageSize));
  return sizeBytes < needed ? `it has ${sizeBytes} bytes, and its pages need ${needed}` : undefined;
}

function metaAt(bytes: Buffer, at: number): { readonly pageSize: number; readonly pages: number } | undefined {
  const meta = bytes.subarray(at, at + META_END);
  if (meta.length < META_END || meta.readUInt32LE(AT.magic) !== MAGIC || meta.readUInt32LE(AT.version) !== VERSION) return undefined;
  if (fnv64a(meta.subarray(HEADER, AT.checksum)) !== meta.readBigUInt64LE(AT.checksum)) return undefined;
  return { pageSize: meta.readUInt32LE(AT.pageSize), pages: Number(meta.readBigUInt64LE(AT.pages)) };
}

function fnv64a(bytes: Uint8Array): bigint {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * FNV_PRIME) & WORD;
  return hash;
}
