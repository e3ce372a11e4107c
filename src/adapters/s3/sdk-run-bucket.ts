import type * as Sdk from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import type { BucketListing, BucketObject, RunBucket } from './run-bucket.ts';
import type { OpenS3Client } from './s3-client.ts';
import { isAbsent, isConditionRefused, storeError } from './s3-errors.ts';

/** Time for one request to be answered: state objects are small, and a run that cannot write must know it soon. */
const REQUEST_TIMEOUT_MS = 5_000;
/** Slowest line on which a large evidence file still gets through, in bytes a millisecond (256 kB/s). */
const SLOWEST_BYTES_PER_MS = 256;
/** Reads at a time: with more, requests would wait for one of the SDK's 50 connections, and writes with them, while their time runs. */
const READS = 32;
/** User metadata that names the writer. */
const WRITER = 'lattice-dr-writer';

export interface SdkRunBucketOptions extends OpenS3Client {
  readonly bucket: string;
  /** Empty, or ending in `/`. */
  readonly prefix: string;
  readonly endpoint: string | undefined;
}

/** The run state's part of a bucket through the AWS SDK. */
export class SdkRunBucket implements RunBucket {
  readonly location: string;
  readonly #options: SdkRunBucketOptions;
  readonly #reads = pLimit({ concurrency: READS, rejectOnClear: true });

  constructor(options: SdkRunBucketOptions) {
    this.#options = options;
    this.location = `s3://${options.bucket}/${options.prefix}`.replace(/\/$/, '');
  }

  async putNew(key: string, { body, writer }: BucketObject): Promise<'stored' | 'refused'> {
    const { sdk } = this.#options;
    const metadata = writer === undefined ? {} : { Metadata: { [WRITER]: writer } };
    const command = new sdk.PutObjectCommand({ ...this.#at(key), Body: body, IfNoneMatch: '*', ...metadata });
    return await this.#ask(`write ${key}`, body.length, async (abortSignal) => {
      try {
        assertStored(await this.#options.client.send(command, { abortSignal }));
        return 'stored';
      } catch (error) {
        if (isConditionRefused(error)) return 'refused';
        throw error;
      }
    });
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    const command = new this.#options.sdk.PutObjectCommand({ ...this.#at(key), Body: body });
    await this.#ask(`write ${key}`, body.length, async (abortSignal) => assertStored(await this.#options.client.send(command, { abortSignal })));
  }

  async get(key: string): Promise<BucketObject | undefined> {
    const command = new this.#options.sdk.GetObjectCommand(this.#at(key));
    return await this.#read(`read ${key}`, async (abortSignal) => {
      try {
        const reply = await this.#options.client.send(command, { abortSignal });
        const writer = reply.Metadata?.[WRITER];
        return { body: (await reply.Body?.transformToByteArray()) ?? new Uint8Array(), ...(writer === undefined ? {} : { writer }) };
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    });
  }

  async list(prefix: string, { byFolder = false, after }: { readonly byFolder?: boolean; readonly after?: string } = {}): Promise<BucketListing> {
    const { sdk, client, bucket, prefix: root } = this.#options;
    const [keys, folders]: [string[], string[]] = [[], []];
    let ContinuationToken: string | undefined;
    do {
      const command = new sdk.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: `${root}${prefix}`,
        ...(byFolder ? { Delimiter: '/' } : {}),
        ...(after === undefined ? {} : { StartAfter: `${root}${after}` }),
        ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
      });
      const page: Sdk.ListObjectsV2CommandOutput = await this.#read(`list ${prefix}`, async (abortSignal) => await client.send(command, { abortSignal }));
      keys.push(...(page.Contents ?? []).map(({ Key }) => (Key ?? '').slice(root.length)));
      folders.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => (Prefix ?? '').slice(root.length)));
      ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
    return { keys, folders };
  }

  async remove(key: string): Promise<void> {
    const command = new this.#options.sdk.DeleteObjectCommand(this.#at(key));
    await this.#ask(`remove ${key}`, 0, async (abortSignal) => await this.#options.client.send(command, { abortSignal }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.client.destroy();
  }

  #at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#options.bucket, Key: `${this.#options.prefix}${key}` };
  }

  async #read<T>(what: string, request: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    return await this.#reads(async () => await this.#ask(what, 0, request));
  }

  async #ask<T>(what: string, bytes: number, request: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const timeoutMs = REQUEST_TIMEOUT_MS + bytes / SLOWEST_BYTES_PER_MS;
    const signal = AbortSignal.timeout(Math.ceil(timeoutMs));
    try {
      return await request(signal);
    } catch (error) {
      const { bucket, endpoint } = this.#options;
      throw storeError(signal.aborted ? signal.reason : error, { what, location: this.location, bucket, endpoint });
    }
  }
}

/** A server that stores an object names its ETag. A 200 without one comes from something else on the way, which counts as no answer. */
function assertStored({ ETag }: Sdk.PutObjectCommandOutput): void {
  if (ETag === undefined) throw Object.assign(new Error('the answer to a write has no ETag'), { code: 'NO_ETAG' });
}
