import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import type { Digest } from '../model/digest.ts';
import { isObject, type JsonObject, parseJson } from '../model/json.ts';
import { isVersionPath, isVolumeResource, itemName, itemOf, kindName, type TarballItem } from './tarball-paths.ts';

/** The JSON of a Kubernetes object is below the 1.5 MiB that etcd takes (`--max-request-bytes`); an entry that is much longer is no object. */
const MAX_OBJECT_BYTES = 16 * 1024 * 1024;
/** Entries beyond this are not believed: a cluster of 100,000 objects gives 300,000. */
const MAX_ENTRIES = 5_000_000;
/**
 * A tarball may unpack to a gigabyte, and beyond that to 200 times its size: JSON of Kubernetes objects shrinks to a tenth or a thirtieth, the worst that
 * deflate can do is a thousandth (RFC 1951).
 */
const FREE_BYTES = 1024 * 1024 * 1024;
const MOST_PER_BYTE = 200;
const UNPACK_CHUNK_BYTES = 512 * 1024;

/** One entry of a tar, under way. */
type Entry = ReturnType<typeof extract> extends AsyncIterable<infer E> ? E : never;

/** What a backup's tarball holds, read to its end. */
export interface TarballFacts {
  /** Of the compressed bytes; of what was read of them when there is a fault. */
  readonly sha256: Digest;
  readonly sizeBytes: number;
  readonly unpackedBytes: number;
  readonly entries: number;
  /** `metadata/version`: version of the layout, such as `1.1.0`; absent when the file is. */
  readonly formatVersion?: string;
  /** Its objects: `Kind.group namespace/name`, without the namespace where there is none. */
  readonly items: ReadonlySet<string>;
  /** PersistentVolumes and PersistentVolumeClaims, whole: what a target has to suit. */
  readonly volumes: readonly JsonObject[];
  /** Why it is not whole: cut off, altered, no tar, too large. What is above then says how far reading came. */
  readonly fault?: string;
}

export interface TarballOptions {
  /** Size of the tarball, which bounds what it may unpack to. */
  readonly sizeBytes: number;
  /** Hears every object once, as its JSON: what compares objects with something else hooks in here. */
  readonly onObject?: (item: TarballItem, content: Uint8Array) => void;
  readonly signal: AbortSignal;
}

/**
 * Reads a tarball of Velero to its end in bounded memory: unpacks it, checks the sum that gzip ends with, and names every object in it. What is wrong with it
 * is in the result; what is wrong with where the bytes come from is thrown.
 */
export async function readTarball(bytes: AsyncIterable<Uint8Array>, options: TarballOptions): Promise<TarballFacts> {
  const source = new HashedSource(bytes);
  const unpacked = new BoundedSize(FREE_BYTES + MOST_PER_BYTE * options.sizeBytes);
  const contents = new Contents(options.onObject);
  const tar = extract();
  const gunzip = createGunzip({ chunkSize: UNPACK_CHUNK_BYTES });
  const piping = pipeline(Readable.from(source, { objectMode: false }), gunzip, unpacked.pass, tar, { signal: options.signal });
  // When either fails, the other ends with it: the pipeline destroys the tar, and a tar that is left half read is destroyed by its iterator.
  const [piped, taken] = await Promise.allSettled([piping, contents.takeAll(tar)]);
  options.signal.throwIfAborted();
  if (source.thrown !== undefined) throw source.thrown.error;
  const failed = taken.status === 'rejected' ? taken : piped.status === 'rejected' ? piped : undefined;
  return {
    sha256: source.digest(),
    sizeBytes: source.sizeBytes,
    unpackedBytes: unpacked.bytes,
    ...contents.facts(),
    ...(failed === undefined ? {} : { fault: (failed.reason as Error).message }),
  };
}

/** Bytes on their way, summed up. */
class HashedSource implements AsyncIterable<Uint8Array> {
  sizeBytes = 0;
  /** What the source threw, which is no fault of the bytes. */
  thrown: { readonly error: unknown } | undefined;
  readonly #bytes: AsyncIterable<Uint8Array>;
  readonly #hash = createHash('sha256');

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#bytes = bytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const chunks = this.#bytes[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await chunks.next().catch((error: unknown) => this.#failed(error));
        if (next.done === true) return;
        this.sizeBytes += next.value.length;
        this.#hash.update(next.value);
        yield next.value;
      }
    } finally {
      await chunks.return?.();
    }
  }

  digest(): Digest {
    return `sha256:${this.#hash.digest('hex')}`;
  }

  #failed(error: unknown): never {
    this.thrown = { error };
    throw error;
  }
}

/** Counts what passes, and ends it when it is more than can be true. */
class BoundedSize {
  bytes = 0;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  readonly pass = async function* (this: BoundedSize, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.bytes += chunk.length;
      if (this.bytes > this.#limit) throw new Error(`it unpacks to more than ${this.#limit} bytes, which no backup of its size does`);
      yield chunk;
    }
  }.bind(this);
}

class Contents {
  readonly #onObject: TarballOptions['onObject'];
  /** Kind of each resource: every object of a resource has the same, so the first one tells it and the others need not be read. */
  readonly #kinds = new Map<string, string>();
  readonly #items = new Set<string>();
  readonly #volumes: JsonObject[] = [];
  #entries = 0;
  #formatVersion: string | undefined;

  constructor(onObject: TarballOptions['onObject']) {
    this.#onObject = onObject;
  }

  facts(): Pick<TarballFacts, 'entries' | 'formatVersion' | 'items' | 'volumes'> {
    const formatVersion = this.#formatVersion;
    return { entries: this.#entries, ...(formatVersion === undefined ? {} : { formatVersion }), items: this.#items, volumes: this.#volumes };
  }

  async takeAll(tar: AsyncIterable<Entry>): Promise<void> {
    for await (const entry of tar) {
      this.#entries += 1;
      if (this.#entries > MAX_ENTRIES) throw new Error(`it has more than ${MAX_ENTRIES} entries`);
      await this.#take(entry);
    }
  }

  async #take(entry: Entry): Promise<void> {
    const { name, type } = entry.header;
    const item = type === 'file' ? itemOf(name) : undefined;
    if (item !== undefined && this.#isKnownByPath(item)) this.#items.add(itemName(this.#kinds.get(item.resource) ?? '', item));
    else if (item !== undefined) this.#takeObject(item, await contentOf(entry));
    else if (isVersionPath(name))
      this.#formatVersion = Buffer.from(await contentOf(entry))
        .toString()
        .trim();
    entry.resume();
  }

  #isKnownByPath({ resource }: TarballItem): boolean {
    return this.#onObject === undefined && !isVolumeResource(resource) && this.#kinds.has(resource);
  }

  #takeObject(item: TarballItem, content: Uint8Array): void {
    if (isVolumeResource(item.resource) || !this.#kinds.has(item.resource)) this.#readObject(item, content);
    this.#items.add(itemName(this.#kinds.get(item.resource) ?? '', item));
    this.#onObject?.(item, content);
  }

  #readObject(item: TarballItem, content: Uint8Array): void {
    const object = parseJson(content);
    if (!isObject(object) || typeof object['kind'] !== 'string' || typeof object['apiVersion'] !== 'string')
      throw new Error(`${item.path} in it is no Kubernetes object`);
    this.#kinds.set(item.resource, kindName(object['apiVersion'], object['kind']));
    if (isVolumeResource(item.resource)) this.#volumes.push(object);
  }
}

async function contentOf(entry: Entry): Promise<Uint8Array> {
  const { name, size } = entry.header;
  if (size > MAX_OBJECT_BYTES) throw new Error(`${name} in it has ${size} bytes, more than a Kubernetes object may have`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
