import { type ReadAt, readBucket } from './bolt-database.ts';
import { type BoltEntry, UnreadableDatabase } from './bolt-page.ts';
import { type ValueKind, valueKind } from './registry.ts';

/** A key and what kind of value it has; the value itself is only got when it is needed. */
export interface StoredPair {
  readonly key: string;
  readonly kind: ValueKind;
  readonly value: () => Promise<Uint8Array>;
}

/** Bucket of all revisions of all keys (etcd `server/storage/schema/bucket.go`). */
const KEYS = 'key';
/** A revision as a key: two numbers of 8 bytes, big-endian, with `_` between them, and `t` behind the deletion of a key (`server/storage/mvcc/revision.go`). */
const REVISION_BYTES = 17;
const TOMBSTONE_BYTES = 18;
/** Fields of what is kept for a revision (`api/mvccpb/kv.proto`). */
const KEY_FIELD = 1;
const VALUE_FIELD = 5;
const VARINT = 0;
const BYTES = 2;

interface Revised {
  readonly revision: string;
  readonly isDeleted: boolean;
  readonly kind: ValueKind;
  /** Place of the value in the file. */
  readonly at: number;
  readonly length: number;
}

/**
 * Reads the latest revision of every key of a prefix from a database file as etcd would serve them: of large values little more than their beginning is looked at.
 * Throws `UnreadableDatabase`; a `RangeError` of a number that is cut off is one, too.
 */
export async function readStoredPairs(readAt: ReadAt, prefix: string): Promise<readonly StoredPair[]> {
  const latest = new Map<string, Revised>();
  await readBucket(readAt, KEYS, (entry) => {
    const { key, value, valueStart } = readKeyValue(entry.value);
    if (!key.startsWith(prefix)) return;
    if (entry.key.length !== REVISION_BYTES && entry.key.length !== TOMBSTONE_BYTES) throw new UnreadableDatabase('a key is no revision');
    // Big-endian: the order of the texts is that of the numbers.
    const revision = entry.key.toString('latin1', 0, REVISION_BYTES);
    const known = latest.get(key);
    if (known !== undefined && known.revision > revision) return;
    const isDeleted = entry.key.length === TOMBSTONE_BYTES;
    latest.set(key, { revision, isDeleted, kind: valueKind(value), at: entry.valueAt + valueStart, length: value.length });
  });
  const living = [...latest].filter(([, { isDeleted }]) => !isDeleted).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return living.map(([key, { kind, at, length }]) => ({ key, kind, value: async () => await readAt(at, length) }));
}

interface KeyValue {
  readonly key: string;
  readonly value: Buffer;
  readonly valueStart: number;
}

/** By hand and with plain numbers: there are hundreds of thousands, and every other field is passed over. */
function readKeyValue(message: BoltEntry['value']): KeyValue {
  let [key, value, valueStart] = ['', message.subarray(0, 0), 0];
  for (let at = 0; at < message.length; ) {
    const tag = message[at] ?? 0;
    const { number, next } = readNumber(message, at + 1);
    const type = tag & 7;
    if (type !== VARINT && type !== BYTES) throw new UnreadableDatabase('a pair has a field of another type');
    at = type === BYTES ? next + number : next;
    if (at > message.length) throw new UnreadableDatabase('a pair is cut off');
    if (tag >> 3 === KEY_FIELD) key = message.toString('utf8', next, at);
    if (tag >> 3 === VALUE_FIELD) [value, valueStart] = [message.subarray(next, at), next];
  }
  return { key, value, valueStart };
}

function readNumber(message: BoltEntry['value'], from: number): { readonly number: number; readonly next: number } {
  let number = 0;
  for (let at = from; at < message.length; at += 1) {
    const byte = message[at] ?? 0;
    number += (byte & 127) * 2 ** (7 * (at - from));
    if (byte < 128) return { number, next: at + 1 };
  }
  throw new UnreadableDatabase('a number is cut off');
}
