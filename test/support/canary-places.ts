import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { type CanaryStage, STATE_BUCKET } from './canary-stage.ts';

/** What a process that the program started had in its environment, as `NAME=value`: what the program gave it, and what both have from who started the program. */
export interface ProcessEnvironment {
  readonly file: string;
  readonly given: readonly string[];
  readonly inherited: readonly string[];
}

/** What `log-commands.ts` has noted of environments; processes that do not differ are one. */
export async function environmentsIn(path: string): Promise<readonly ProcessEnvironment[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return [...new Set(lines)].map((line): ProcessEnvironment => JSON.parse(line));
}

/** Files of a folder and of those in it, by their paths, without those of some names. */
export async function filesUnder(folder: string, leftOut: ReadonlySet<string>): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile() && !leftOut.has(entry.name)).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [path, await readFile(path)] as const)));
}

/** Every object of the bucket with run state, keys included. */
export async function objectsOf({ world: { lab } }: CanaryStage): Promise<ReadonlyMap<string, Uint8Array>> {
  const [id = '', secret = ''] = await s3Credentials(lab.s3.credentialsPath);
  const credentials = { accessKeyId: id, secretAccessKey: secret };
  const client = new S3Client({ endpoint: lab.s3.endpoint, region: lab.s3.region, forcePathStyle: true, credentials });
  const objects = new Map<string, Uint8Array>();
  for (let token: string | undefined, more = true; more; ) {
    const page = await client.send(new ListObjectsV2Command({ Bucket: STATE_BUCKET, ...(token === undefined ? {} : { ContinuationToken: token }) }));
    for (const { Key = '' } of page.Contents ?? []) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: STATE_BUCKET, Key }));
      objects.set(`s3://${STATE_BUCKET}/${Key}`, Buffer.concat([Buffer.from(`${Key}\n`), (await Body?.transformToByteArray()) ?? new Uint8Array()]));
    }
    token = page.NextContinuationToken;
    more = token !== undefined;
  }
  client.destroy();
  return objects;
}

/** Id and secret of an AWS shared-credentials file. */
export async function s3Credentials(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8');
  return ['aws_access_key_id', 'aws_secret_access_key'].map((name) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? '');
}
