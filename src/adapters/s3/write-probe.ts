import type * as Sdk from '@aws-sdk/client-s3';
import type { WriteProbe } from '../../ports/object-store.ts';
import type { OpenS3Client } from './s3-client.ts';
import { s3Error } from './s3-errors.ts';

/**
 * Begins a multipart upload and aborts it. S3 asks for the same permission as for any write (`s3:PutObject`) when it is begun, and nothing appears in the bucket
 * until it is completed, no version either: so it can be tried in a bucket that must not change.
 *
 * @see AWS, "Multipart upload and permissions"
 */
export async function refusedToWrite(
  { client, sdk }: OpenS3Client,
  bucket: string,
  { key, signal }: Omit<WriteProbe, 'credentials'>,
): Promise<string | undefined> {
  let uploadId: string | undefined;
  try {
    uploadId = (await client.send(new sdk.CreateMultipartUploadCommand({ Bucket: bucket, Key: key }), { abortSignal: signal })).UploadId;
  } catch (error) {
    const failure = s3Error(error, { what: `write below s3://${bucket}/${key}`, signal });
    if (failure.code !== 'S3_FAILED') throw failure;
    return failure.message;
  }
  await abandon(client, new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }), signal);
  return undefined;
}

/** Aborting is a permission of its own. An upload without parts that stays behind holds nothing and costs nothing. */
async function abandon(client: Sdk.S3Client, command: Sdk.AbortMultipartUploadCommand, signal: AbortSignal): Promise<void> {
  try {
    await client.send(command, { abortSignal: signal });
  } catch (error) {
    if (signal.aborted) throw s3Error(error, { what: 'abort an upload', signal });
  }
}
