import { Readable } from 'node:stream';
import type { BlobClient, BlobGetPropertiesResponse, BlobItem, ContainerClient } from '@azure/storage-blob';
import type { Known } from '../../model/known.ts';
import type { ObjectHead, ObjectListing, ObjectLock, ObjectPin, ObjectStore, ObjectVersion } from '../../ports/object-store.ts';
import { absentObject, plainEtag, tooLarge } from '../object-store-errors.ts';
import { type AzureFailure, azureError } from './azure-errors.ts';

/** Bytes of a block and blocks at a time of an upload. */
const [BLOCK_BYTES, BLOCKS] = [8 * 1024 * 1024, 2];

/** One container of Azure Blob Storage through its SDK. */
export class AzureObjectStore implements ObjectStore {
  readonly bucket: string;
  readonly #container: ContainerClient;

  constructor(container: ContainerClient) {
    this.bucket = container.containerName;
    this.#container = container;
  }

  async list({ prefix, delimiter, signal }: { readonly prefix: string; readonly delimiter?: string; readonly signal: AbortSignal }): Promise<ObjectListing> {
    const objects: ObjectHead[] = [];
    const prefixes: string[] = [];
    const options = { prefix, abortSignal: signal };
    const items = delimiter === undefined ? this.#container.listBlobsFlat(options) : this.#container.listBlobsByHierarchy(delimiter, options);
    try {
      for await (const item of items) {
        if ('kind' in item && item.kind === 'prefix') prefixes.push(item.name);
        else objects.push(headOf(item));
      }
    } catch (error) {
      throw azureError(error, `list ${this.#name(prefix)}`, signal);
    }
    return { objects, prefixes };
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectHead | undefined> {
    const found = await this.#properties(key, signal);
    if (found === undefined) return undefined;
    return {
      key,
      sizeBytes: found.contentLength ?? 0,
      lastModified: found.lastModified?.toISOString() ?? '',
      etag: plainEtag(found.etag),
      ...(found.versionId === undefined ? {} : { versionId: found.versionId }),
    };
  }

  async read(
    key: string,
    { maxBytes, signal, at }: { readonly maxBytes: number; readonly signal: AbortSignal; readonly at?: ObjectPin },
  ): Promise<Uint8Array | undefined> {
    const found = await this.#download(key, signal, at);
    if (found === undefined) return undefined;
    if (found.sizeBytes > maxBytes) {
      found.body.destroy();
      throw tooLarge(this.#name(key), { sizeBytes: found.sizeBytes, maxBytes });
    }
    return Buffer.concat(await Array.fromAsync(this.#guarded(key, found.body, signal)));
  }

  async stream(key: string, signal: AbortSignal, at?: ObjectPin): Promise<AsyncIterable<Uint8Array>> {
    const found = await this.#download(key, signal, at);
    if (found === undefined) throw absentObject(this.#name(key));
    return this.#guarded(key, found.body, signal);
  }

  async range(
    key: string,
    { from, length, at, signal }: { readonly from: number; readonly length: number; readonly at: ObjectPin; readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    const found = await this.#download(key, signal, { ...at, from, length });
    if (found === undefined) throw absentObject(this.#name(key));
    return Buffer.concat(await Array.fromAsync(this.#guarded(key, found.body, signal)));
  }

  async putNew(key: string, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<boolean> {
    const target = this.#container.getBlockBlobClient(key);
    const options = { abortSignal: signal, conditions: { ifNoneMatch: '*' } };
    try {
      if ((await this.#properties(key, signal)) !== undefined) return false;
      await target.uploadStream(Readable.from(content, { objectMode: false }), BLOCK_BYTES, BLOCKS, options);
      return true;
    } catch (error) {
      const status = (error as AzureFailure).statusCode;
      if (status === 409 || status === 412) return false;
      throw azureError(error, `write ${this.#name(key)}`, signal);
    }
  }

  async versions({ prefix, signal }: { readonly prefix: string; readonly signal: AbortSignal }): Promise<Known<readonly ObjectVersion[]>> {
    const found: BlobItem[] = [];
    try {
      for await (const item of this.#container.listBlobsFlat({ prefix, includeVersions: true, abortSignal: signal })) found.push(item);
    } catch (error) {
      const { statusCode, code = '' } = error as AzureFailure;
      if (signal.aborted || (statusCode !== 403 && statusCode !== 400 && statusCode !== 501))
        throw azureError(error, `list the versions of ${this.#name(prefix)}`, signal);
      return { known: false, reason: `the object store does not let us list the versions of ${this.#name(prefix)} (${statusCode} ${code})` };
    }
    // Those of a blob come from oldest to newest.
    return { known: true, value: byKey(found).flatMap((versions) => versionsOf(versions.toReversed())) };
  }

  async lock(key: string, signal: AbortSignal, at: ObjectPin = {}): Promise<Known<ObjectLock>> {
    const what = `read the lock of ${this.#name(key)}`;
    try {
      const [blob, container] = await Promise.all([
        this.#blob(key, at).getProperties({ abortSignal: signal }),
        this.#container.getProperties({ abortSignal: signal }),
      ]);
      return lockOf(blob, { hasPolicy: container.hasImmutabilityPolicy === true, isHeld: container.hasLegalHold === true });
    } catch (error) {
      if (!signal.aborted && (error as AzureFailure).statusCode === 403) return { known: false, reason: `the object store does not let us ${what} (403)` };
      throw azureError(error, what, signal);
    }
  }

  #blob(key: string, { versionId }: ObjectPin): BlobClient {
    const blob = this.#container.getBlobClient(key);
    return versionId === undefined ? blob : blob.withVersion(versionId);
  }

  async #properties(key: string, signal: AbortSignal): Promise<BlobGetPropertiesResponse | undefined> {
    try {
      return await this.#blob(key, {}).getProperties({ abortSignal: signal });
    } catch (error) {
      // An answer to HEAD has no body to tell an absent blob from an absent container.
      if ((error as AzureFailure).statusCode === 404) return undefined;
      throw azureError(error, `look at ${this.#name(key)}`, signal);
    }
  }

  async #download(key: string, signal: AbortSignal, { from = 0, length, ...at }: ObjectPin & { readonly from?: number; readonly length?: number } = {}) {
    const conditions = at.etag === undefined ? {} : { ifMatch: `"${at.etag}"` };
    try {
      const reply = await this.#blob(key, at).download(from, length, { abortSignal: signal, conditions });
      const body = reply.readableStreamBody as Readable;
      return { body, sizeBytes: reply.contentLength ?? 0 };
    } catch (error) {
      if ((error as AzureFailure).statusCode === 404 && (error as AzureFailure).code !== 'ContainerNotFound') return undefined;
      throw azureError(error, `read ${this.#name(key)}`, signal);
    }
  }

  async *#guarded(key: string, body: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* body as AsyncIterable<Uint8Array>;
    } catch (error) {
      throw azureError(error, `read ${this.#name(key)} to its end`, signal);
    } finally {
      body.destroy();
    }
  }

  #name(key: string): string {
    return `${this.#container.url}/${key}`;
  }
}

/** What keeps a blob: a policy of its own, or one of its whole container, whose end only the management API tells ("Immutable storage for Azure Blob Storage"). */
export function lockOf(
  {
    immutabilityPolicyMode,
    immutabilityPolicyExpiresOn,
    legalHold,
  }: Pick<BlobGetPropertiesResponse, 'immutabilityPolicyMode' | 'immutabilityPolicyExpiresOn' | 'legalHold'>,
  container: { readonly hasPolicy: boolean; readonly isHeld: boolean },
): Known<ObjectLock> {
  const isHeld = legalHold === true || container.isHeld;
  if (immutabilityPolicyExpiresOn !== undefined) {
    const mode = immutabilityPolicyMode?.toLowerCase() === 'locked' ? 'COMPLIANCE' : 'GOVERNANCE';
    return { known: true, value: { mode, until: immutabilityPolicyExpiresOn.toISOString(), legalHold: isHeld } };
  }
  if (container.hasPolicy) return { known: false, reason: 'the container has an immutability policy, whose length and state its data does not tell' };
  return { known: true, value: { legalHold: isHeld } };
}

/** Items of each key together, in the order in which they came. */
function byKey(items: readonly BlobItem[]): readonly (readonly BlobItem[])[] {
  return [...Map.groupBy(items, ({ name }) => name).entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, versions]) => versions);
}

/** Versions of a blob, the newest first. After a deletion none of them is current. */
export function versionsOf(newestFirst: readonly BlobItem[]): readonly ObjectVersion[] {
  const versions = newestFirst.map((item) => ({
    ...headOf(item),
    isLatest: item.isCurrentVersion === true || item.versionId === undefined,
    isDeletion: false,
  }));
  const [first] = versions;
  if (first === undefined || versions.some(({ isLatest }) => isLatest)) return versions;
  // The time of the deletion is not told; it is not before the last content.
  return [{ key: first.key, sizeBytes: 0, lastModified: first.lastModified, etag: '', isLatest: true, isDeletion: true }, ...versions];
}

function headOf({ name, properties, versionId }: BlobItem): ObjectHead {
  return {
    key: name,
    sizeBytes: properties.contentLength ?? 0,
    lastModified: properties.lastModified.toISOString(),
    etag: plainEtag(properties.etag),
    ...(versionId === undefined ? {} : { versionId }),
  };
}
