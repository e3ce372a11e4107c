import { readFile } from 'node:fs/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { LabConfig } from '../../src/lab/config.ts';

/** Makes a bucket on the lab's S3 server, apart from those that Velero looks into, for run state. */
export async function makeStateBucket({ s3 }: LabConfig, Bucket: string): Promise<void> {
  const text = await readFile(s3.credentialsPath, 'utf8');
  const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? '';
  const credentials = { accessKeyId: value('aws_access_key_id'), secretAccessKey: value('aws_secret_access_key') };
  const client = new S3Client({ endpoint: s3.endpoint, region: s3.region, forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
}
