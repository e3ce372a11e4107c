import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import {
  CreateBucketCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isDrError } from '../../src/errors/dr-error.ts';
import { clusterPorts, sharedPorts } from '../../src/lab/block.ts';
import type { LabConfig } from '../../src/lab/config.ts';
import { killS3 } from '../../src/lab/faults/s3-down.ts';
import { labLogs, labStatus } from '../../src/lab/lab-status.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { stopServer } from '../../src/lab/supervise/stop-server.ts';
import { readDnsUpdates, readS3Access } from './lab-logs.ts';
import { createTestLab, listeningAddresses, livingServers, type TestLab } from './lab-world.ts';

const run = promisify(execFile);

describe('the servers of a lab', { timeout: 120_000 }, () => {
  let world: TestLab;
  let lab: LabConfig;

  beforeAll(async () => {
    world = await createTestLab();
    lab = await labUp({ ...world.operation, only: ['s3', 'dns', 'parent'] });
  }, 120_000);

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  const pidsOf = async (): Promise<Readonly<Record<string, number | undefined>>> => {
    const { servers } = await labStatus(world.operation);
    return Object.fromEntries(servers.map(({ id, pid }) => [id, pid]));
  };

  it('all run, and listen on loopback only', async () => {
    const { servers, clusters } = await labStatus(world.operation);
    expect(servers.map(({ id, state }) => [id.replace(/^.*\./, ''), state])).toEqual([
      ['dns', 'running'],
      ['apiserver', 'running'],
      ['controllers', 'running'],
      ['etcd', 'running'],
      ['s3', 'running'],
    ]);
    const ports = [...Object.values(sharedPorts(lab.block)), ...Object.values(clusterPorts(lab.block, clusters[0]?.slot ?? 0))];
    const addresses = await listeningAddresses(ports);
    expect(addresses.length).toBeGreaterThanOrEqual(7);
    expect(addresses.filter((address) => !address.startsWith('0100007F:'))).toEqual([]);
  });

  it('are adopted by another up, and started again when they were killed', async () => {
    const before = await pidsOf();
    await labUp({ ...world.operation, only: ['s3', 'dns', 'parent'] });
    expect(await pidsOf()).toEqual(before);

    process.kill(before['s3'] ?? 0, 'SIGKILL');
    await labUp({ ...world.operation, only: ['s3', 'dns', 'parent'] });
    const after = await pidsOf();
    expect(after['s3']).not.toBe(before['s3']);
    expect({ ...after, s3: 0 }).toEqual({ ...before, s3: 0 });
  });

  it('are told with the end of the log when one cannot start, and nothing of it is left', async () => {
    await stopServer({ directory: world.directory, id: 's3' });
    const intruder = createServer().listen(lab.s3.port, '127.0.0.1');
    const failure = await labUp({ ...world.operation, only: ['s3'] }).catch((error: unknown) => error);
    intruder.close();
    expect(isDrError(failure, 'LAB_SERVER_FAILED')).toBe(true);
    expect((failure as Error).message).toContain('address already in use');
    expect(livingServers(world.directory)).not.toContain('s3');
    await labUp({ ...world.operation, only: ['s3'] });
    expect(livingServers(world.directory)).toContain('s3');
  });

  it('keep secrets off command lines and out of files that others can read', async () => {
    const text = await readFile(lab.s3.credentialsPath, 'utf8');
    const secret = /^aws_secret_access_key=(.+)$/m.exec(text)?.[1] ?? '';
    expect(secret).toMatch(/^[0-9a-f]{40}$/);
    for (const pid of Object.values(await pidsOf())) expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(secret);
    const { clusters } = await labStatus(world.operation);
    const files = [lab.s3.credentialsPath, lab.dns.tsigKeyPath, clusters[0]?.kubeconfigs.admin ?? '', clusters[0]?.pki.caKey ?? ''];
    for (const file of files) expect((await stat(file)).mode & 0o077, file).toBe(0);
  });

  it('show the ends of their logs, all or those of one', async () => {
    const all = await labLogs({ ...world.operation, lines: 3 });
    expect(all.map(({ id }) => id)).toEqual(Object.keys(await pidsOf()));
    expect(all.find(({ id }) => id.endsWith('.controllers'))?.tail.split('\n')).toHaveLength(3);
    expect((await labLogs({ ...world.operation, lines: 1, server: 'dns' })).map(({ id }) => id)).toEqual(['dns']);
  });

  it('survive the loss of S3 for a while', async () => {
    const before = await pidsOf();
    const from = performance.now();
    await killS3({ ...world.operation, forMs: 500 });
    expect(performance.now() - from).toBeGreaterThanOrEqual(500);
    expect((await pidsOf())['s3']).not.toBe(before['s3']);
  });

  describe('S3', () => {
    const clientOf = async (path: string): Promise<S3Client> => {
      const text = await readFile(path, 'utf8');
      const value = (name: string): string => new RegExp(`^${name}=(.+)$`, 'm').exec(text)?.[1] ?? '';
      const credentials = { accessKeyId: value('aws_access_key_id'), secretAccessKey: value('aws_secret_access_key') };
      return new S3Client({ endpoint: lab.s3.endpoint, region: lab.s3.region, forcePathStyle: true, credentials });
    };

    it('has versioned buckets that can lock objects', async () => {
      const client = await clientOf(lab.s3.credentialsPath);
      for (const Bucket of [lab.s3.bucket, lab.s3.volumeBucket]) {
        const lock = await client.send(new GetObjectLockConfigurationCommand({ Bucket }));
        expect(lock.ObjectLockConfiguration?.ObjectLockEnabled).toBe('Enabled');
      }
      const target = { Bucket: lab.s3.bucket, Key: 'kept/twice' };
      await client.send(new PutObjectCommand({ ...target, Body: 'one' }));
      await client.send(new PutObjectCommand({ ...target, Body: 'two' }));
      const versions = await client.send(new ListObjectVersionsCommand({ Bucket: lab.s3.bucket, Prefix: target.Key }));
      expect(versions.Versions).toHaveLength(2);
      expect(await (await client.send(new GetObjectCommand(target))).Body?.transformToString()).toBe('two');
    });

    it('logs who asked for what, and refuses a wrong key', async () => {
      const velero = await clientOf(lab.s3.veleroCredentialsPath);
      await velero.send(new PutObjectCommand({ Bucket: lab.s3.bucket, Key: 'by/velero', Body: 'x' }));
      const stranger = new S3Client({
        endpoint: lab.s3.endpoint,
        region: lab.s3.region,
        forcePathStyle: true,
        credentials: { accessKeyId: 'velero', secretAccessKey: 'wrong' },
      });
      await expect(stranger.send(new CreateBucketCommand({ Bucket: 'strangers' }))).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
      const entries = await readS3Access(lab.s3.accessLogPath);
      expect(entries).toContainEqual({
        bucket: lab.s3.bucket,
        requester: 'velero',
        operation: 's3_PutObject',
        key: 'by/velero',
        status: 200,
        at: expect.any(String),
      });
      expect(entries.filter((entry) => entry.bucket === 'strangers').map((entry) => entry.status)).toEqual([403]);
    });
  });

  describe('DNS', () => {
    const update = async (lines: readonly string[], key?: string): Promise<void> => {
      const { host, port } = lab.dns;
      const child = run('nsupdate', key === undefined ? [] : ['-k', key]);
      child.child.stdin?.end(`server ${host} ${port}\n${lines.join('\n')}\nsend\n`);
      await child;
    };
    const ask = async (name: string): Promise<string> =>
      (await run('dig', [`@${lab.dns.host}`, '-p', String(lab.dns.port), '+short', '+norecurse', name, 'A'])).stdout.trim();

    it('takes updates signed with a key, and logs whose', async () => {
      await update(['update add shop.lab.test. 60 A 127.0.0.9'], lab.dns.tsigKeyPath);
      expect(await ask('shop.lab.test')).toBe('127.0.0.9');
      await update(['update add other.lab.test. 60 A 127.0.0.10'], lab.dns.externalDnsKeyPath);
      const changes = await readDnsUpdates(lab.dns.updateLogPath);
      expect(changes).toContainEqual({ key: 'lattice-dr', what: "adding an RR at 'shop.lab.test' A 127.0.0.9" });
      expect(changes).toContainEqual({ key: 'external-dns', what: "adding an RR at 'other.lab.test' A 127.0.0.10" });
    });

    it('refuses an update without a key', async () => {
      await expect(update(['update add evil.lab.test. 60 A 127.0.0.66'])).rejects.toThrow('REFUSED');
      expect(await ask('evil.lab.test')).toBe('');
    });

    it('keeps its records when it is killed', async () => {
      await update(['update add kept.lab.test. 60 A 127.0.0.11'], lab.dns.tsigKeyPath);
      process.kill((await pidsOf())['dns'] ?? 0, 'SIGKILL');
      await labUp({ ...world.operation, only: ['dns'] });
      expect(await ask('kept.lab.test')).toBe('127.0.0.11');
    });
  });
});
