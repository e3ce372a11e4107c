import { createHash } from 'node:crypto';
import { abortError } from '../../src/errors/abort-error.ts';
import { DrError } from '../../src/errors/dr-error.ts';
import type { ObjectHead, ObjectListing, ObjectStore, ObjectStores } from '../../src/ports/object-store.ts';

interface Stored {
  readonly content: Uint8Array;
  readonly lastModified: string;
}

/** A bucket in memory. Passes `test/contract/object-store.ts`; no versions, pages or checksums. Tests set `fault` to make it fail. */
export class MemoryObjectStore implements ObjectStore {
  readonly bucket: string;
  /** Thrown by every request while set. */
  fault: DrError | undefined;
  /** Bytes after which a stream or read of the key breaks off, as a lost connection does. */
  readonly cutAfter = new Map<string, number>();
  /** Credentials that may only read. */
  readonly readers = new Set<string>();
  readonly #objects = new Map<string, Stored>();

  constructor(bucket = 'bucket') {
    this.bucket = bucket;
  }

  put(key: string, content: string | Uint8Array, lastModified = '2026-03-01T03:00:00.000Z'): void {
    this.#objects.set(key, { content: typeof content === 'string' ? new TextEncoder().encode(content) : content, lastModified });
  }

  remove(key: string): void {
    this.#objects.delete(key);
  }

  async list({ prefix, delimiter, signal }: { readonly prefix: string; readonly delimiter?: string; readonly signal: AbortSignal }): Promise<ObjectListing> {
    this.#check(signal, `list ${prefix}`);
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).toSorted();
    const common = (key: string) => {
      const end = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
      return end === -1 ? undefined : key.slice(0, end + 1);
    };
    const prefixes = [...new Set(keys.map(common).filter((value) => value !== undefined))];
    return { objects: keys.filter((key) => common(key) === undefined).map((key) => this.#head(key)), prefixes };
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectHead | undefined> {
    this.#check(signal, `look at ${key}`);
    return this.#objects.has(key) ? this.#head(key) : undefined;
  }

  async read(key: string, { maxBytes, signal }: { readonly maxBytes: number; readonly signal: AbortSignal }): Promise<Uint8Array | undefined> {
    this.#check(signal, `read ${key}`);
    const content = this.#objects.get(key)?.content;
    if (content === undefined) return undefined;
    if (content.length > maxBytes)
      throw new DrError({ code: 'S3_FAILED', message: `${key} is too large`, details: { code: 'TooLarge', sizeBytes: content.length, maxBytes } });
    return Buffer.concat(await Array.fromAsync(this.#chunks(key, content)));
  }

  async stream(key: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    this.#check(signal, `read ${key}`);
    const content = this.#objects.get(key)?.content;
    if (content === undefined) throw new DrError({ code: 'S3_FAILED', message: `${key} does not exist`, details: { code: 'NoSuchKey', status: 404 } });
    return this.#chunks(key, content);
  }

  async *#chunks(key: string, content: Uint8Array): AsyncGenerator<Uint8Array> {
    const end = Math.min(content.length, this.cutAfter.get(key) ?? content.length);
    for (let offset = 0; offset < end; offset += 65_536) yield content.subarray(offset, Math.min(offset + 65_536, end));
    if (end < content.length)
      throw new DrError({ code: 'S3_UNAVAILABLE', message: `the object store does not answer to read ${key} to its end: ECONNRESET`, retry: 'retryable' });
  }

  #head(key: string): ObjectHead {
    const { content = new Uint8Array(), lastModified = '' } = this.#objects.get(key) ?? {};
    return { key, sizeBytes: content.length, lastModified, etag: createHash('md5').update(content).digest('hex') };
  }

  #check(signal: AbortSignal, what: string): void {
    if (signal.aborted) throw abortError(signal, what, 'S3_UNAVAILABLE');
    if (this.fault !== undefined) throw this.fault;
  }
}

/** Opens buckets by name; throws `S3_FAILED` for one it was not given. */
export function createMemoryObjectStores(stores: readonly ObjectStore[]): ObjectStores {
  return {
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
