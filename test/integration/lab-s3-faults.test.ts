import { readFile } from 'node:fs/promises';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LabConfig } from '../../src/lab/config.ts';
import { clearS3Faults, cutS3, makeS3ReadOnly, refuseS3, s3Faults, slowS3 } from '../../src/lab/faults/s3-faults.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { readS3Access } from './lab-logs.ts';
import { createTestLab, type TestLab } from './lab-world.ts';

describe('faults of the S3 server', { timeout: 60_000 }, () => {
  let world: TestLab;
  let lab: LabConfig;
  const clients: Record<'velero' | 'lattice-dr', S3Client | undefined> = { velero: undefined, 'lattice-dr': undefined };

  const client = async (account: keyof typeof clients): Promise<S3Client> => {
    const path = account === 'velero' ? lab.s3.veleroCredentialsPath : lab.s3.credentialsPath;
    const secretAccessKey = /^aws_secret_access_key=(.*)$/m.exec(await readFile(path, 'utf8'))?.[1] ?? '';
    const credentials = { accessKeyId: account, secretAccessKey };
    return (clients[account] ??= new S3Client({ endpoint: lab.s3.endpoint, region: lab.s3.region, forcePathStyle: true, credentials, maxAttempts: 1 }));
  };
  const put = async (account: keyof typeof clients, Key: string, Body: string | Buffer = 'bytes'): Promise<unknown> =>
    await (await client(account)).send(new PutObjectCommand({ Bucket: lab.s3.bucket, Key, Body }));
  const get = async (account: keyof typeof clients, Key: string): Promise<number | undefined> => {
    const { Body } = await (await client(account)).send(new GetObjectCommand({ Bucket: lab.s3.bucket, Key }));
    return (await Body?.transformToByteArray())?.length;
  };

  beforeAll(async () => {
    world = await createTestLab();
    lab = await labUp({ ...world.operation, only: ['s3'], behaviour: { faultProxy: true } });
    await put('velero', 'large', Buffer.alloc(3_000_000, 7));
  }, 60_000);

  beforeEach(async () => {
    await clearS3Faults(world.operation);
  });

  afterAll(async () => {
    for (const one of Object.values(clients)) one?.destroy();
    await world[Symbol.asyncDispose]();
  });

  it('what passes the proxy is what was sent, and the access log shows the account; the account of a signed URL is known', async () => {
    expect(lab.s3.endpoint).not.toContain(`:${lab.s3.port}`);
    await put('velero', 'seen', Buffer.alloc(3_000_000, 7));
    expect(await get('lattice-dr', 'seen')).toBe(3_000_000);
    const requesters = (await readS3Access(lab.s3.accessLogPath)).filter(({ key }) => key === 'seen').map(({ requester }) => requester);
    expect(requesters).toEqual(['velero', 'lattice-dr']);
    // The account of a signed URL, as Velero hands them out for downloads.
    const url = `${lab.s3.endpoint}/${lab.s3.bucket}/large?X-Amz-Credential=velero%2F20260101%2Fus-east-1%2Fs3%2Faws4_request`;
    await refuseS3({ ...world.operation, status: 503, every: 1, count: 9, forMs: 30_000, account: 'velero' });
    expect([(await fetch(url)).status, (await fetch(url.replace('velero', 'lattice-dr'))).status]).toEqual([503, 400]);
  });

  it('refuses writes of one account and lets it read', async () => {
    await makeS3ReadOnly({ ...world.operation, forMs: 30_000, account: 'velero' });
    await expect(put('velero', 'denied')).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(await get('velero', 'large')).toBe(3_000_000);
    await put('lattice-dr', 'allowed');
    expect(await clearS3Faults(world.operation)).toMatchObject({ readOnly: null, counts: { denied: 1 } });
    await put('velero', 'denied');
  });

  it('answers 503 so often, is slow, and cuts a transfer in the middle', async () => {
    await refuseS3({ ...world.operation, status: 503, every: 1, count: 1, forMs: 30_000 });
    await expect(put('velero', 'busy')).rejects.toMatchObject({ name: 'SlowDown' });
    await put('velero', 'busy');
    await cutS3({ ...world.operation, afterBytes: 1_000_000, count: 1, forMs: 30_000 });
    await expect(get('velero', 'large')).rejects.toThrow();
    expect(await get('velero', 'large')).toBe(3_000_000);
    await slowS3({ ...world.operation, bytesPerSecond: 3_000_000, forMs: 30_000 });
    const from = performance.now();
    expect(await get('velero', 'large')).toBe(3_000_000);
    expect(performance.now() - from).toBeGreaterThan(900);
    expect(await s3Faults(world.operation)).toMatchObject({ slow: { bytesPerSecond: 3_000_000 } });
  });
});
