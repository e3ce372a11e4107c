import type * as Sdk from '@aws-sdk/client-s3';
import { isConditionRefused } from './s3-errors.ts';

/** Size of a part: at most 10,000 of them make an object (S3 quotas), so this reaches 156 GiB. */
const PART_BYTES = 16 * 1024 * 1024;

export interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly content: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

interface Opened {
  readonly client: Sdk.S3Client;
  readonly sdk: typeof Sdk;
}

/** Writes an object if its key is free; in parts when it does not fit into one, and then nothing is there before the last. Says whether it was free. */
export async function uploadNew({ client, sdk }: Opened, upload: Upload): Promise<boolean> {
  const { bucket: Bucket, key: Key, signal: abortSignal } = upload;
  const parts = inParts(upload.content);
  const first = await parts.next();
  const second = await parts.next();
  if (second.done === true) {
    const Body = first.value ?? new Uint8Array();
    return await unlessTaken(async () => await client.send(new sdk.PutObjectCommand({ Bucket, Key, Body, IfNoneMatch: '*' }), { abortSignal }));
  }
  // Looked at first, so that gigabytes are not sent in vain; the condition of the last request is what decides.
  if (await isTaken({ client, sdk }, upload)) return false;
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key }), { abortSignal });
  const place = { Bucket, Key, UploadId };
  try {
    const Parts: Sdk.CompletedPart[] = [];
    for (let part: IteratorResult<Uint8Array, void> = first; part.done !== true; part = Parts.length === 1 ? second : await parts.next()) {
      const PartNumber = Parts.length + 1;
      const { ETag } = await client.send(new sdk.UploadPartCommand({ ...place, PartNumber, Body: part.value }), { abortSignal });
      Parts.push({ PartNumber, ETag });
    }
    const complete = new sdk.CompleteMultipartUploadCommand({ ...place, MultipartUpload: { Parts }, IfNoneMatch: '*' });
    const isStored = await unlessTaken(async () => await client.send(complete, { abortSignal }));
    if (!isStored) await abandon({ client, sdk }, place);
    return isStored;
  } catch (error) {
    await abandon({ client, sdk }, place);
    throw error;
  }
}

async function isTaken({ client, sdk }: Opened, { bucket: Bucket, key: Key, signal: abortSignal }: Upload): Promise<boolean> {
  try {
    await client.send(new sdk.HeadObjectCommand({ Bucket, Key }), { abortSignal });
    return true;
  } catch (error) {
    if ((error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return false;
    throw error;
  }
}

async function unlessTaken(send: () => Promise<unknown>): Promise<boolean> {
  try {
    await send();
    return true;
  } catch (error) {
    if (isConditionRefused(error)) return false;
    throw error;
  }
}

/** Parts of what is not completed would be kept, and paid for. What fails here leaves them to the bucket's own rules. */
async function abandon(
  { client, sdk }: Opened,
  place: { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined },
): Promise<void> {
  await client.send(new sdk.AbortMultipartUploadCommand(place)).catch(() => undefined);
}

async function* inParts(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let pending: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length; ) {
      const taken = chunk.subarray(at, at + PART_BYTES - size);
      pending.push(taken);
      size += taken.length;
      at += taken.length;
      if (size < PART_BYTES) continue;
      yield Buffer.concat(pending);
      [pending, size] = [[], 0];
    }
  }
  if (size > 0) yield Buffer.concat(pending);
}
