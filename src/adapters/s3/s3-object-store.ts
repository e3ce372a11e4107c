import type * as Sdk from '@aws-sdk/client-s3';
import type { Known } from '../../model/known.ts';
import type { ObjectHead, ObjectListing, ObjectLock, ObjectPin, ObjectStore, ObjectVersion } from '../../ports/object-store.ts';
import { absentObject, plainEtag, tooLarge } from '../object-store-errors.ts';
import { isAbsent, s3Error } from './s3-errors.ts';
import { listVersions, readLock } from './s3-object-versions.ts';
import { uploadNew } from './s3-upload.ts';

/** One bucket through the AWS SDK. What is there is never replaced. */
export class S3ObjectStore implements ObjectStore {
  readonly bucket: string;
  readonly #client: Sdk.S3Client;
  readonly #sdk: typeof Sdk;

  constructor(bucket: string, { client, sdk }: { readonly client: Sdk.S3Client; readonly sdk: typeof Sdk }) {
    this.bucket = bucket;
    this.#client = client;
    this.#sdk = sdk;
  }

  async list({ prefix, delimiter, signal }: { readonly prefix: string; readonly delimiter?: string; readonly signal: AbortSignal }): Promise<ObjectListing> {
    const pages = this.#sdk.paginateListObjectsV2(
      { client: this.#client },
      { Bucket: this.bucket, Prefix: prefix, ...(delimiter === undefined ? {} : { Delimiter: delimiter }) },
      { abortSignal: signal },
    );
    const objects: ObjectHead[] = [];
    const prefixes: string[] = [];
    try {
      for await (const page of pages) {
        objects.push(...(page.Contents ?? []).map(headOf));
        prefixes.push(...(page.CommonPrefixes ?? []).flatMap(({ Prefix }) => Prefix ?? []));
      }
    } catch (error) {
      throw s3Error(error, { what: `list ${this.#name(prefix)}`, signal });
    }
    return { objects, prefixes };
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectHead | undefined> {
    try {
      const head = await this.#client.send(new this.#sdk.HeadObjectCommand({ Bucket: this.bucket, Key: key }), { abortSignal: signal });
      return {
        key,
        sizeBytes: head.ContentLength ?? 0,
        lastModified: head.LastModified?.toISOString() ?? '',
        etag: plainEtag(head.ETag),
        ...(head.VersionId === undefined || head.VersionId === 'null' ? {} : { versionId: head.VersionId }),
      };
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw s3Error(error, { what: `look at ${this.#name(key)}`, signal });
    }
  }

  async read(
    key: string,
    { maxBytes, signal, at }: { readonly maxBytes: number; readonly signal: AbortSignal; readonly at?: ObjectPin },
  ): Promise<Uint8Array | undefined> {
    const found = await this.#get(key, signal, at);
    if (found === undefined) return undefined;
    if (found.sizeBytes > maxBytes) {
      found.abandon();
      throw tooLarge(this.#name(key), { sizeBytes: found.sizeBytes, maxBytes });
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#guarded(key, found.body, signal)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async stream(key: string, signal: AbortSignal, at?: ObjectPin): Promise<AsyncIterable<Uint8Array>> {
    const found = await this.#get(key, signal, at);
    if (found !== undefined) return this.#guarded(key, found.body, signal);
    throw absentObject(this.#name(key));
  }

  async range(
    key: string,
    { from, length, at, signal }: { readonly from: number; readonly length: number; readonly at: ObjectPin; readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    const found = await this.#get(key, signal, { ...at, range: `bytes=${from}-${from + length - 1}` });
    if (found === undefined) throw absentObject(this.#name(key));
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#guarded(key, found.body, signal)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async putNew(key: string, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<boolean> {
    const { bucket } = this;
    try {
      return await uploadNew({ client: this.#client, sdk: this.#sdk }, { bucket, key, content, signal });
    } catch (error) {
      throw s3Error(error, { what: `write ${this.#name(key)}`, signal });
    }
  }

  async versions({ prefix, signal }: { readonly prefix: string; readonly signal: AbortSignal }): Promise<Known<readonly ObjectVersion[]>> {
    const { bucket } = this;
    return await listVersions({ client: this.#client, sdk: this.#sdk }, { bucket, prefix, signal });
  }

  async lock(key: string, signal: AbortSignal, at?: ObjectPin): Promise<Known<ObjectLock>> {
    const { bucket } = this;
    return await readLock(
      { client: this.#client, sdk: this.#sdk },
      { bucket, key, signal, ...(at?.versionId === undefined ? {} : { versionId: at.versionId }) },
    );
  }

  async #get(key: string, signal: AbortSignal, { versionId, etag, range }: ObjectPin & { readonly range?: string } = {}) {
    const pin = {
      ...(versionId === undefined ? {} : { VersionId: versionId }),
      ...(etag === undefined ? {} : { IfMatch: etag }),
      ...(range === undefined ? {} : { Range: range }),
    };
    try {
      const reply = await this.#client.send(new this.#sdk.GetObjectCommand({ Bucket: this.bucket, Key: key, ...pin }), { abortSignal: signal });
      const body = reply.Body as unknown as AsyncIterable<Uint8Array> & { destroy(): void };
      // A body that nobody reads would hold its connection.
      return { body, sizeBytes: reply.ContentLength ?? 0, abandon: () => body.destroy() };
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw s3Error(error, { what: `read ${this.#name(key)}`, signal });
    }
  }

  async *#guarded(key: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      throw s3Error(error, { what: `read ${this.#name(key)} to its end`, signal });
    }
  }

  #name(key: string): string {
    return `s3://${this.bucket}/${key}`;
  }
}

function headOf(object: Sdk._Object): ObjectHead {
  return {
    key: object.Key ?? '',
    sizeBytes: object.Size ?? 0,
    lastModified: object.LastModified?.toISOString() ?? '',
    etag: plainEtag(object.ETag),
  };
}
