import type { ReadAt } from '../../../src/etcd/bolt-database.ts';

/** Small, so that a handful of keys makes a tree of several levels. */
const PAGE = 256;
const HEADER = 16;
const ELEMENT = 16;
const BUCKET_HEADER = 16;

/** A revision of a key of etcd; without a value it is its deletion. */
export interface Revision {
  readonly revision: number;
  readonly key: string;
  readonly value?: Uint8Array;
}

interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly flags?: number;
}

/** Writes the pages of a bbolt database with one bucket, `key`, as etcd keeps its revisions in it. Every leaf has two of them, every branch three pages. */
export function boltFile(revisions: readonly Revision[]): Buffer {
  const pages: Buffer[] = [Buffer.alloc(PAGE), Buffer.alloc(PAGE)];
  const put = (page: Buffer): number => {
    const id = pages.reduce((sum, { length }) => sum + length, 0) / PAGE;
    page.writeBigUInt64LE(BigInt(id), 0);
    pages.push(page);
    return id;
  };
  const entries = revisions.map((one) => ({ key: revisionKey(one), value: keyValue(one) }));
  let level = inGroups(entries, 2).map((group) => ({ key: group[0]?.key ?? Buffer.alloc(0), id: put(leaf(group)) }));
  while (level.length > 1) level = inGroups(level, 3).map((group) => ({ key: group[0]?.key ?? Buffer.alloc(0), id: put(branch(group)) }));
  const bucket = Buffer.alloc(BUCKET_HEADER);
  bucket.writeBigUInt64LE(BigInt(level[0]?.id ?? 0), 0);
  const root = put(leaf([{ key: Buffer.from('key'), value: bucket, flags: 1 }]));
  const end = pages.reduce((sum, { length }) => sum + length, 0) / PAGE;
  // The first one is of an earlier transaction, whose root is gone.
  pages[0] = meta(2, end, 1);
  pages[1] = meta(root, end, 2);
  return Buffer.concat(pages);
}

export function readerOf(file: Buffer): ReadAt {
  return async (from, length) => Buffer.from(file.subarray(from, from + length));
}

function inGroups<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}

function revisionKey({ revision, value }: Revision): Buffer {
  const key = Buffer.alloc(value === undefined ? 18 : 17);
  key.writeBigUInt64BE(BigInt(revision), 0);
  key.write('_', 8);
  if (value === undefined) key.write('t', 17);
  return key;
}

function keyValue({ key, revision, value }: Revision): Buffer {
  const numbers = Buffer.concat([Buffer.of(0x10), varint(revision), Buffer.of(0x18), varint(revision), Buffer.of(0x20, 1)]);
  const parts = [Buffer.of(0x0a), varint(key.length), Buffer.from(key)];
  return Buffer.concat(value === undefined ? parts : [...parts, numbers, Buffer.of(0x2a), varint(value.length), value, Buffer.of(0x30, 7)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.of(...bytes, rest);
}

function page(kind: number, count: number, bodyBytes: number): Buffer {
  const content = Buffer.alloc(Math.ceil((HEADER + bodyBytes) / PAGE) * PAGE);
  content.writeUInt16LE(kind, 8);
  content.writeUInt16LE(count, 10);
  content.writeUInt32LE(content.length / PAGE - 1, 12);
  return content;
}

function leaf(entries: readonly Entry[]): Buffer {
  const content = page(
    2,
    entries.length,
    entries.reduce((sum, { key, value }) => sum + ELEMENT + key.length + value.length, 0),
  );
  let at = HEADER + entries.length * ELEMENT;
  for (const [index, { key, value, flags = 0 }] of entries.entries()) {
    const element = HEADER + index * ELEMENT;
    for (const [place, number] of [flags, at - element, key.length, value.length].entries()) content.writeUInt32LE(number, element + place * 4);
    key.copy(content, at);
    value.copy(content, at + key.length);
    at += key.length + value.length;
  }
  return content;
}

function branch(children: readonly { readonly key: Buffer; readonly id: number }[]): Buffer {
  const content = page(
    1,
    children.length,
    children.reduce((sum, { key }) => sum + ELEMENT + key.length, 0),
  );
  let at = HEADER + children.length * ELEMENT;
  for (const [index, { key, id }] of children.entries()) {
    const element = HEADER + index * ELEMENT;
    content.writeUInt32LE(at - element, element);
    content.writeUInt32LE(key.length, element + 4);
    content.writeBigUInt64LE(BigInt(id), element + 8);
    key.copy(content, at);
    at += key.length;
  }
  return content;
}

function meta(root: number, end: number, transaction: number): Buffer {
  const content = Buffer.alloc(PAGE);
  content.writeUInt16LE(4, 8);
  content.writeUInt32LE(0xed0cdaed, 16);
  content.writeUInt32LE(2, 20);
  content.writeUInt32LE(PAGE, 24);
  for (const [at, number] of [
    [32, root],
    [56, end],
    [64, transaction],
  ] as const)
    content.writeBigUInt64LE(BigInt(number), at);
  let hash = 0xcbf29ce484222325n;
  for (const byte of content.subarray(16, 72)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  content.writeBigUInt64LE(hash, 72);
  return content;
}
