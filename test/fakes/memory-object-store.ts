import { createHash } from 'node:crypto';
import { abortError } from '../../src/errors/abort-error.ts';
import { DrError } from '../../src/errors/dr-error.ts';
import type { Known } from '../../src/model/known.ts';
import type { ObjectHead, ObjectListing, ObjectLock, ObjectPin, ObjectStore, ObjectStores, ObjectVersion, StoreRights } from '../../src/ports/object-store.ts';

interface Stored {
  readonly content: Uint8Array;
  readonly lastModified: string;
  readonly versionId?: string;
  readonly isDeletion?: true;
}

/**
 * A bucket in memory. Passes `test/contract/object-store.ts`; no pages or checksums. Keeps versions once `versioned` is set, and locks that a test puts into
 * `locks`. Tests set `fault` to make it fail.
 */
export class MemoryObjectStore implements ObjectStore {
  readonly bucket: string;
  /** Thrown by every request while set. */
  fault: DrError | undefined;
  versioned = false;
  /** Why versions and locks cannot be told, while set. */
  untold: string | undefined;
  /** Locks by key, of whatever version. */
  readonly locks = new Map<string, ObjectLock>();
  /** Bytes after which a stream or read of the key breaks off, as a lost connection does. */
  readonly cutAfter = new Map<string, number>();
  /** Credentials that may only read. */
  readonly readers = new Set<string>();
  /** What somebody does right before the content of a key is read, once: to write another over what was listed. */
  readonly meanwhile = new Map<string, () => void>();
  /** Keys whose content was read, in order. */
  readonly reads: string[] = [];
  /** Versions of each key, newest first. */
  readonly #objects = new Map<string, readonly Stored[]>();
  #count = 0;

  constructor(bucket = 'bucket') {
    this.bucket = bucket;
  }

  put(key: string, content: string | Uint8Array, lastModified = '2026-03-01T03:00:00.000Z'): void {
    this.#add(key, { content: typeof content === 'string' ? new TextEncoder().encode(content) : content, lastModified });
  }

  remove(key: string, lastModified = '2026-03-01T03:00:00.000Z'): void {
    if (this.versioned) this.#add(key, { content: new Uint8Array(), lastModified, isDeletion: true });
    else this.#objects.delete(key);
  }

  async list({ prefix, delimiter, signal }: { readonly prefix: string; readonly delimiter?: string; readonly signal: AbortSignal }): Promise<ObjectListing> {
    this.#check(signal, `list ${prefix}`);
    const keys = this.#keys(prefix).filter((key) => this.#latest(key) !== undefined);
    const common = (key: string) => {
      const end = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
      return end === -1 ? undefined : key.slice(0, end + 1);
    };
    const prefixes = [...new Set(keys.map(common).filter((value) => value !== undefined))];
    const objects = keys.filter((key) => common(key) === undefined).flatMap((key) => this.#latest(key) ?? []);
    // As in S3, a list does not name versions.
    return { objects: objects.map(({ key, sizeBytes, lastModified, etag }) => ({ key, sizeBytes, lastModified, etag })), prefixes };
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectHead | undefined> {
    this.#check(signal, `look at ${key}`);
    return this.#latest(key);
  }

  async read(
    key: string,
    { maxBytes, signal, at }: { readonly maxBytes: number; readonly signal: AbortSignal; readonly at?: ObjectPin },
  ): Promise<Uint8Array | undefined> {
    this.#check(signal, `read ${key}`);
    const content = this.#pinned(key, at)?.content;
    if (content === undefined) return undefined;
    if (content.length > maxBytes)
      throw new DrError({ code: 'S3_FAILED', message: `${key} is too large`, details: { code: 'TooLarge', sizeBytes: content.length, maxBytes } });
    return Buffer.concat(await Array.fromAsync(this.#chunks(key, content)));
  }

  async stream(key: string, signal: AbortSignal, at?: ObjectPin): Promise<AsyncIterable<Uint8Array>> {
    this.#check(signal, `read ${key}`);
    const content = this.#pinned(key, at)?.content;
    if (content === undefined) throw new DrError({ code: 'S3_FAILED', message: `${key} does not exist`, details: { code: 'NoSuchKey', status: 404 } });
    return this.#chunks(key, content);
  }

  async range(
    key: string,
    { from, length, at, signal }: { readonly from: number; readonly length: number; readonly at: ObjectPin; readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    this.#check(signal, `read ${key}`);
    const content = this.#pinned(key, at)?.content;
    if (content === undefined) throw new DrError({ code: 'S3_FAILED', message: `${key} does not exist`, details: { code: 'NoSuchKey', status: 404 } });
    return Buffer.concat(await Array.fromAsync(this.#chunks(key, content))).subarray(from, from + length);
  }

  async putNew(key: string, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<boolean> {
    this.#check(signal, `write ${key}`);
    const body = Buffer.concat(await Array.fromAsync(content));
    if (this.#latest(key) !== undefined) return false;
    this.put(key, body);
    return true;
  }

  async versions({ prefix, signal }: { readonly prefix: string; readonly signal: AbortSignal }): Promise<Known<readonly ObjectVersion[]>> {
    this.#check(signal, `list the versions of ${prefix}`);
    if (this.untold !== undefined) return { known: false, reason: this.untold };
    const of = (key: string) =>
      (this.#objects.get(key) ?? []).map((stored, index) => ({ ...headOf(key, stored), isLatest: index === 0, isDeletion: stored.isDeletion === true }));
    return { known: true, value: this.#keys(prefix).flatMap(of) };
  }

  async lock(key: string, signal: AbortSignal): Promise<Known<ObjectLock>> {
    this.#check(signal, `read the lock of ${key}`);
    if (this.untold !== undefined) return { known: false, reason: this.untold };
    return { known: true, value: this.locks.get(key) ?? { legalHold: false } };
  }

  #add(key: string, stored: Stored): void {
    this.#count += 1;
    const before = this.versioned ? (this.#objects.get(key) ?? []) : [];
    this.#objects.set(key, [{ ...stored, ...(this.versioned ? { versionId: `v${this.#count}` } : {}) }, ...before]);
  }

  #keys(prefix: string): readonly string[] {
    return [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).toSorted();
  }

  #latest(key: string): ObjectHead | undefined {
    const [stored] = this.#objects.get(key) ?? [];
    return stored === undefined || stored.isDeletion === true ? undefined : headOf(key, stored);
  }

  #pinned(key: string, at: ObjectPin = {}): Stored | undefined {
    const happen = this.meanwhile.get(key);
    this.meanwhile.delete(key);
    happen?.();
    const versions = this.#objects.get(key) ?? [];
    const found = at.versionId === undefined ? versions[0] : versions.find(({ versionId }) => versionId === at.versionId);
    if (found === undefined || found.isDeletion === true) return undefined;
    if (at.etag !== undefined && at.etag !== headOf(key, found).etag)
      throw new DrError({ code: 'S3_FAILED', message: `${key} is another now`, details: { code: 'PreconditionFailed', status: 412 } });
    this.reads.push(key);
    return found;
  }

  async *#chunks(key: string, content: Uint8Array): AsyncGenerator<Uint8Array> {
    const end = Math.min(content.length, this.cutAfter.get(key) ?? content.length);
    for (let offset = 0; offset < end; offset += 65_536) yield content.subarray(offset, Math.min(offset + 65_536, end));
    if (end < content.length)
      throw new DrError({ code: 'S3_UNAVAILABLE', message: `the object store does not answer to read ${key} to its end: ECONNRESET`, retry: 'retryable' });
  }

  #check(signal: AbortSignal, what: string): void {
    if (signal.aborted) throw abortError(signal, what, 'S3_UNAVAILABLE');
    if (this.fault !== undefined) throw this.fault;
  }
}

function headOf(key: string, { content, lastModified, versionId, isDeletion }: Stored): ObjectHead {
  const etag = isDeletion === true ? '' : createHash('md5').update(content).digest('hex');
  return { key, sizeBytes: content.length, lastModified, etag, ...(versionId === undefined ? {} : { versionId }) };
}

/** Opens buckets by name; throws `S3_FAILED` for one it was not given. */
export function createMemoryObjectStores(stores: readonly ObjectStore[], rights?: StoreRights): ObjectStores {
  const unknown = { known: false, reason: 'nobody told the fake' } as const;
  return {
    rights: async () => rights ?? { isSame: unknown, canDelete: unknown, canShortenLock: unknown },
    async open(ref) {
      const store = stores.find(({ bucket }) => bucket === ref.bucket);
      if (store === undefined)
        throw new DrError({ code: 'S3_FAILED', message: `there is no bucket ${ref.bucket}`, details: { code: 'NoSuchBucket', status: 404 } });
      return store;
    },
    async refusedToWrite({ bucket }, { credentials, key, signal }) {
      if (signal.aborted) throw abortError(signal, `write ${key}`, 'S3_UNAVAILABLE');
      const found = stores.find((store) => store.bucket === bucket);
      if (found instanceof MemoryObjectStore && found.readers.has(credentials.reveal())) return `AccessDenied: may not write ${key}`;
      return found === undefined ? `NoSuchBucket: ${bucket}` : undefined;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
