import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Bucket, BucketMetadata, CRC32CValidator, File, FileMetadata, GetFilesOptions } from '@google-cloud/storage';
import { orAborted } from '../../errors/or-aborted.ts';
import type { Known } from '../../model/known.ts';
import type { ObjectHead, ObjectListing, ObjectLock, ObjectPin, ObjectStore, ObjectVersion } from '../../ports/object-store.ts';
import { absentObject, damaged, otherObject, tooLarge } from '../object-store-errors.ts';
import { type CloudFailure, cloudError } from './cloud-errors.ts';
import { deletionOf, lockOf } from './gcs-facts.ts';

const LOG_IN = 'name a key file of a service account as `credentials` of the backup store, or log in: gcloud auth application-default login';

/** Bytes that are asked for at a time. */
const PART_BYTES = 8 * 1024 * 1024;

interface Failed {
  readonly code?: number | string;
  readonly message?: string;
  readonly response?: { readonly status?: number };
}

/**
 * One bucket of Google Cloud Storage through its SDK. The identity of a content is its generation, which the server gives to every write; it is the ETag here, and
 * the version where the bucket keeps versions. A read is of the generation that was looked at, so it is never of two contents.
 *
 * @see Google Cloud Storage documentation, "Object versioning" and "Request preconditions"
 */
export class GcsObjectStore implements ObjectStore {
  readonly bucket: string;
  readonly #bucket: Bucket;
  readonly #newSum: () => CRC32CValidator;
  #settings: Promise<BucketMetadata | undefined> | undefined;

  constructor(bucket: Bucket, newSum: () => CRC32CValidator) {
    this.#newSum = newSum;
    this.bucket = bucket.name;
    this.#bucket = bucket;
  }

  async list({ prefix, delimiter, signal }: { readonly prefix: string; readonly delimiter?: string; readonly signal: AbortSignal }): Promise<ObjectListing> {
    const query = { prefix, ...(delimiter === undefined ? {} : { delimiter }) };
    const { files, prefixes } = await this.#files(query, `list ${this.#name(prefix)}`, signal);
    return { objects: files.map(({ metadata }) => plainHead(metadata)), prefixes };
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectHead | undefined> {
    const metadata = await this.#metadata(key, signal);
    if (metadata === undefined) return undefined;
    return (await this.#keepsVersions(signal)) ? { ...plainHead(metadata), versionId: String(metadata.generation) } : plainHead(metadata);
  }

  async read(
    key: string,
    { maxBytes, signal, at }: { readonly maxBytes: number; readonly signal: AbortSignal; readonly at?: ObjectPin },
  ): Promise<Uint8Array | undefined> {
    const metadata = await this.#pinned(key, signal, at);
    if (metadata === undefined) return undefined;
    const { sizeBytes } = plainHead(metadata);
    if (sizeBytes > maxBytes) throw tooLarge(this.#name(key), { sizeBytes, maxBytes });
    return Buffer.concat(await Array.fromAsync(this.#bytes(metadata, signal)));
  }

  async stream(key: string, signal: AbortSignal, at?: ObjectPin): Promise<AsyncIterable<Uint8Array>> {
    return this.#bytes(await this.#present(key, signal, at), signal);
  }

  async range(
    key: string,
    { from, length, at, signal }: { readonly from: number; readonly length: number; readonly at: ObjectPin; readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    const metadata = await this.#present(key, signal, at);
    return Buffer.concat(await Array.fromAsync(this.#bytes(metadata, signal, { from, to: from + length })));
  }

  async putNew(key: string, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<boolean> {
    const target = this.#bucket.file(key).createWriteStream({ resumable: false, preconditionOpts: { ifGenerationMatch: 0 } });
    try {
      await pipeline(Readable.from(content), target, { signal });
      return true;
    } catch (error) {
      if (statusOf(error) === 412) return false;
      throw this.#failed(error, `write ${this.#name(key)}`, signal);
    }
  }

  async versions({ prefix, signal }: { readonly prefix: string; readonly signal: AbortSignal }): Promise<Known<readonly ObjectVersion[]>> {
    const { files } = await this.#files({ prefix, versions: true }, `list the versions of ${this.#name(prefix)}`, signal);
    const isVersioned = await this.#keepsVersions(signal);
    const found = files.map(({ metadata }) => ({ ...plainHead(metadata), generation: String(metadata.generation), deletedAt: metadata.timeDeleted }));
    const newest = found.toSorted((a, b) => (a.key === b.key ? Number(BigInt(b.generation) - BigInt(a.generation)) : a.key < b.key ? -1 : 1));
    const value = newest.flatMap(({ generation, deletedAt, ...head }, index): readonly ObjectVersion[] => {
      const isNewest = newest[index - 1]?.key !== head.key;
      const version = { ...head, ...(isVersioned ? { versionId: generation } : {}), isLatest: deletedAt === undefined, isDeletion: false };
      return isNewest && deletedAt !== undefined ? [deletionOf(head.key, deletedAt), version] : [version];
    });
    return { known: true, value };
  }

  async lock(key: string, signal: AbortSignal, at?: ObjectPin): Promise<Known<ObjectLock>> {
    const metadata = await this.#present(key, signal, at);
    if (metadata.retentionExpirationTime === undefined) return lockOf(metadata, false);
    // The object does not say whether the policy that keeps it can be taken away; its bucket does, and says nothing of a lock that is not there.
    const settings = await this.#bucketSettings(signal);
    return lockOf(metadata, settings === undefined ? undefined : settings.retentionPolicy?.isLocked === true);
  }

  /** Every page of a listing. */
  async #files(query: GetFilesOptions, what: string, signal: AbortSignal): Promise<{ readonly files: readonly File[]; readonly prefixes: readonly string[] }> {
    const files: File[] = [];
    const prefixes: string[] = [];
    let next: GetFilesOptions | undefined = { ...query, autoPaginate: false };
    while (next !== undefined) {
      const [page, following, answer] = (await this.#ask(this.#bucket.getFiles(next), what, signal)) as unknown as [
        File[],
        GetFilesOptions | null | undefined,
        { readonly prefixes?: readonly string[] } | undefined,
      ];
      files.push(...page);
      prefixes.push(...(answer?.prefixes ?? []));
      next = following ?? undefined;
    }
    return { files, prefixes };
  }

  async #metadata(key: string, signal: AbortSignal, generation?: string): Promise<FileMetadata | undefined> {
    const file = this.#bucket.file(key, generation === undefined ? {} : { generation });
    const work = file.getMetadata().then(
      ([metadata]) => metadata,
      async (error: unknown) => {
        // A bucket that is not there is a mistake to be told, not an object that is missing.
        if (statusOf(error) !== 404 || /bucket/i.test((error as Failed).message ?? '')) throw error;
        return undefined;
      },
    );
    return await this.#ask(work, `look at ${this.#name(key)}`, signal);
  }

  /** What is known of the content that a pin means. */
  async #pinned(key: string, signal: AbortSignal, at: ObjectPin = {}): Promise<FileMetadata | undefined> {
    const metadata = await this.#metadata(key, signal, at.versionId);
    if (metadata !== undefined && at.etag !== undefined && String(metadata.generation) !== at.etag) throw otherObject(this.#name(key));
    return metadata;
  }

  async #present(key: string, signal: AbortSignal, at?: ObjectPin): Promise<FileMetadata> {
    const metadata = await this.#pinned(key, signal, at);
    if (metadata === undefined) throw absentObject(this.#name(key));
    return metadata;
  }

  /**
   * A content from one offset to before another, in parts: a stream of the SDK that is left in the middle keeps its connection, a part is always read to its end.
   * Whole contents are compared with their CRC32C, which the server keeps with each.
   */
  async *#bytes(metadata: FileMetadata, signal: AbortSignal, { from = 0, to = Number(metadata.size) } = {}): AsyncGenerator<Uint8Array> {
    const { name: key = '', generation = '', size = 0, crc32c } = metadata;
    const what = `read ${this.#name(key)} to its end`;
    const file = this.#bucket.file(key, { generation });
    const sum = this.#newSum();
    const end = Math.min(to, Number(size));
    for (let start = from; start < end; start += PART_BYTES) {
      const part = { start, end: Math.min(start + PART_BYTES, end) - 1, decompress: false, validation: false as const };
      const [bytes] = await this.#ask(file.download(part), what, signal);
      sum.update(bytes);
      yield bytes;
    }
    if (from === 0 && end === Number(size) && crc32c !== undefined && !sum.validate(crc32c)) throw damaged(this.#name(key));
  }

  /** Whether the bucket keeps what is replaced. Where these credentials may not ask, it is taken not to. */
  async #keepsVersions(signal: AbortSignal): Promise<boolean> {
    return (await this.#bucketSettings(signal))?.versioning?.enabled === true;
  }

  /** How the bucket is set up, asked once; `undefined` where these credentials may not ask. */
  async #bucketSettings(signal: AbortSignal): Promise<BucketMetadata | undefined> {
    this.#settings ??= this.#bucket.getMetadata().then(
      ([metadata]) => metadata,
      () => undefined,
    );
    return await this.#ask(this.#settings, `look at ${this.#name('')}`, signal);
  }

  /** The SDK takes no signal, so what it does is left alone when one aborts. */
  async #ask<T>(work: Promise<T>, what: string, signal: AbortSignal): Promise<T> {
    work.catch(() => undefined);
    try {
      return await orAborted(work, signal);
    } catch (error) {
      throw this.#failed(error, what, signal);
    }
  }

  #failed(error: unknown, what: string, signal: AbortSignal): Error {
    return cloudError(error, failureOf(error), { what, signal, logIn: LOG_IN });
  }

  #name(key: string): string {
    return `gs://${this.bucket}/${key}`;
  }
}

function plainHead({ name = '', size = 0, updated, timeCreated = '', generation = '' }: FileMetadata): ObjectHead {
  return { key: name, sizeBytes: Number(size), lastModified: new Date(updated ?? timeCreated).toISOString(), etag: String(generation) };
}

function statusOf(error: unknown): number | undefined {
  const { code, response } = error as Failed;
  const status = response?.status ?? Number(code);
  return Number.isInteger(status) && status >= 100 ? status : undefined;
}

function failureOf(error: unknown): CloudFailure {
  const { code, message = String(error) } = error as Failed;
  const status = statusOf(error);
  // google-auth-library `googleauth.ts`: the message of an environment without any credentials.
  const isWithoutCredentials = /Could not load the default credentials|unable to impersonate|invalid_grant/i.test(message);
  return { status, code: typeof code === 'string' ? code : status === 404 && /bucket/i.test(message) ? 'NoSuchBucket' : '', message, isWithoutCredentials };
}
