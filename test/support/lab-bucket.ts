import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { backupKeys } from '../../src/backup/velero-layout.ts';
import type { LabConfig } from '../../src/lab/config.ts';
import { layoutOf } from '../../src/lab/layout.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { withObject } from './velero-corpus.ts';

const READER = 'reader';

/** The bucket of a lab's backups in the hands of its owner: what is put and changed here, neither Velero nor the program under test has done. */
export class LabBucket implements Disposable {
  readonly #lab: LabConfig;
  readonly #client: S3Client;

  private constructor(lab: LabConfig, client: S3Client) {
    this.#lab = lab;
    this.#client = client;
  }

  static async open(lab: LabConfig): Promise<LabBucket> {
    const text = await readFile(join(layoutOf(lab.directory).s3, 'lab-root.credentials'), 'utf8');
    const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? '';
    const credentials = { accessKeyId: value('aws_access_key_id'), secretAccessKey: value('aws_secret_access_key') };
    return new LabBucket(lab, new S3Client({ endpoint: lab.s3.endpoint, region: lab.s3.region, forcePathStyle: true, credentials }));
  }

  /** Keys under a prefix, in order. */
  async keys(prefix: string): Promise<readonly string[]> {
    const { Contents = [] } = await this.#client.send(new ListObjectsV2Command({ Bucket: this.#lab.s3.bucket, Prefix: prefix }));
    return Contents.map(({ Key = '' }) => Key);
  }

  async put(key: string, content: string | Uint8Array): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: this.#lab.s3.bucket, Key: key, Body: content }));
  }

  /** Takes the newest version of an object away for good: what was there before is the current one again. */
  async takeBack(key: string): Promise<void> {
    const { bucket: Bucket } = this.#lab.s3;
    const { Versions = [] } = await this.#client.send(new ListObjectVersionsCommand({ Bucket, Prefix: key }));
    const [latest, before] = Versions.filter((version) => version.Key === key).toSorted((a, b) => Number(b.IsLatest) - Number(a.IsLatest));
    if (latest?.VersionId === undefined || before === undefined) throw new Error(`${key} has no version before the current one`);
    await this.#client.send(new DeleteObjectCommand({ Bucket, Key: key, VersionId: latest.VersionId }));
  }

  /** Copies every object of a folder into another. */
  async copyFolder(from: string, to: string): Promise<void> {
    const { bucket } = this.#lab.s3;
    for (const key of await this.keys(`${from}/`))
      await this.#client.send(new CopyObjectCommand({ Bucket: bucket, CopySource: `${bucket}/${key}`, Key: `${to}${key.slice(from.length)}` }));
  }

  /** Takes a folder away from the server's disk: it would go on listing one whose only object has a delete marker. */
  async removeFolder(path: string): Promise<void> {
    const { bucket } = this.#lab.s3;
    await rm(join(layoutOf(this.#lab.directory).s3, 'data', bucket, path), { recursive: true, force: true });
  }

  /** Makes an account that may list and read the bucket and nothing else. Gives its AWS shared-credentials file. */
  async reader(): Promise<string> {
    const users = join(layoutOf(this.#lab.directory).s3, 'iam', 'users.json');
    const { accessAccounts } = JSON.parse(await readFile(users, 'utf8')) as { readonly accessAccounts: JsonObject };
    const reader = { access: READER, secret: 'may-only-read', role: 'user', userID: 0, groupID: 0, projectID: 0 };
    await writeFile(users, JSON.stringify({ accessAccounts: { ...accessAccounts, [READER]: reader } }), { mode: 0o600 });
    const { bucket } = this.#lab.s3;
    const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
    const Statement = [{ Effect: 'Allow', Principal: { AWS: [READER] }, Action: ['s3:GetObject', 's3:ListBucket'], Resource }];
    await this.#client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }));
    return `[default]\naws_access_key_id=${READER}\naws_secret_access_key=${reader.secret}\n`;
  }

  /** Copies a backup of Velero to another name or prefix, with its own files naming it so, and its status or its list of resources changed. */
  async copyBackup(from: { readonly prefix: string; readonly name: string }, to: BackupCopy): Promise<void> {
    const { bucket } = this.#lab.s3;
    const [source, target] = [backupKeys(from.prefix, from.name), backupKeys(to.prefix ?? from.prefix, to.name)];
    const { Contents = [] } = await this.#client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: source.directory }));
    for (const { Key = '' } of Contents) {
      const key = `${target.directory}${Key.slice(source.directory.length).replace(from.name, to.name)}`;
      await this.#client.send(new CopyObjectCommand({ Bucket: bucket, CopySource: `${bucket}/${Key}`, Key: key }));
    }
    const stored = JSON.parse((await this.#read(source.metadata)).toString('utf8')) as JsonObject & {
      readonly metadata: JsonObject;
      readonly status: JsonObject;
    };
    await this.put(target.metadata, JSON.stringify({ ...stored, metadata: { ...stored.metadata, name: to.name }, status: { ...stored.status, ...to.status } }));
    if (to.resources === undefined) return;
    const resources = JSON.parse(gunzipSync(await this.#read(source.resourceList)).toString('utf8')) as JsonObject;
    await this.put(target.resourceList, gzipSync(JSON.stringify({ ...resources, ...to.resources })));
  }

  /** Rewrites one object of a backup's tarball, so that all files of the backup still agree. */
  async rewriteObject(backup: { readonly prefix: string; readonly name: string }, path: string, edit: (text: string) => string): Promise<void> {
    const { tarball } = backupKeys(backup.prefix, backup.name);
    await this.put(tarball, withObject(await this.#read(tarball), path, edit));
  }

  async #read(key: string): Promise<Buffer> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#lab.s3.bucket, Key: key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  [Symbol.dispose](): void {
    this.#client.destroy();
  }
}

export interface BackupCopy {
  readonly name: string;
  readonly prefix?: string;
  readonly status?: JsonObject;
  readonly resources?: JsonObject;
}
