import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SnapshotManifest } from '../../src/etcd/snapshot-manifest.ts';
import type { SnapshotList } from '../../src/operations/list-snapshots.ts';
import type { SealedSnapshotFile } from '../../src/operations/seal-snapshot.ts';
import type { VerifiedSnapshot } from '../../src/operations/verify-snapshot.ts';
import { startCli } from '../support/cli.ts';
import { type S3Server, startVersitygw } from './s3-servers.ts';
import { findServer, type KubeServers, missingServers, startKube, temporaryFolder } from './servers.ts';

const missing = missingServers(['etcd', 'etcdutl', 'kube-apiserver', 'versitygw']);
const BINARIES = dirname(findServer('etcdutl') ?? '');

describe.skipIf(missing.length > 0)(`places of snapshots${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`, () => {
  const cleanUp = new AsyncDisposableStack();
  let folder = '';
  let servers: KubeServers;
  let s3: S3Server;
  let plan = '';

  const etcdSnapshot = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await startCli(['etcd', 'snapshot', ...args, '--plan', plan, '--json'], {
      env: { ...process.env, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache'), TMPDIR: folder, LATTICE_DR_BINARIES: BINARIES },
    }).ended;
    expect(stdout, stderr).toMatch(/^\{/);
    return { code, said: JSON.parse(stdout) as unknown, text: stdout };
  };
  const verify = async (...args: readonly string[]) => {
    const { code, said } = await etcdSnapshot('verify', ...args);
    return { code, ...(said as VerifiedSnapshot) };
  };
  const level = (verified: VerifiedSnapshot, name: string) => verified.levels.find((one) => one.level === name);
  const read = async (Key: string) => {
    const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: s3.bucket, Key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  };

  beforeAll(async () => {
    folder = cleanUp.use(await temporaryFolder('etcd-places')).path;
    await Promise.all(['s3', 'kube', 'snapshots'].map(async (name) => await mkdir(join(folder, name))));
    s3 = cleanUp.use(await startVersitygw(join(folder, 's3'), { versioned: true }));
    servers = cleanUp.use(await startKube(join(folder, 'kube')));
    plan = join(folder, 'plan.yaml');
    const spec = {
      cluster: { name: 'east', parent: { kubeconfig: { env: 'PARENT' } } },
      specs: { git: { repository: 'https://example.com/specs.git', ref: 'main', paths: ['.'] }, profile: 'kubernetes' },
      objectives: { rto: '1h', rpo: '1h' },
      etcdSnapshots: [
        { name: 'bucket', bucket: s3.bucket, prefix: 'etcd', endpoint: s3.endpoint, credentials: { file: s3.credentialsFile } },
        { name: 'folder', folder: 'snapshots' },
      ],
      state: { folder: 'state' },
    };
    await writeFile(plan, JSON.stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'RecoveryPlan', metadata: { name: 'east' }, spec }));
    await s3.put('etcd/alone.db', Buffer.alloc(20_512));
    for (const place of ['bucket', 'folder']) {
      const { code, text } = await etcdSnapshot('take', 'first.db', '--to', place, '--endpoint', servers.etcdUrl);
      expect(code, text).toBe(0);
    }
    for (const end of ['', '.manifest.json']) await s3.put(`etcd/other.db${end}`, await read(`etcd/first.db${end}`));
  });
  afterAll(async () => await cleanUp.disposeAsync());

  it('a snapshot is taken into a bucket and into a folder, with its manifest, and nothing is left here', async () => {
    expect((await read('etcd/first.db')).length).toBeGreaterThan(10_000);
    const manifest = JSON.parse((await read('etcd/first.db.manifest.json')).toString()) as SnapshotManifest;
    expect(manifest.sizeBytes).toBe((await read('etcd/first.db')).length);
    expect(await readdir(join(folder, 'snapshots'))).toEqual(['first.db', 'first.db.manifest.json']);
    const left = await readdir(join(folder, 'cache'), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual([]);
  });

  it('a name that is taken is refused before anything is taken', async () => {
    for (const place of ['bucket', 'folder']) {
      const { code, text } = await etcdSnapshot('take', 'first.db', '--to', place, '--endpoint', servers.etcdUrl);
      expect(code).toBe(3);
      expect(text).toContain('which is not replaced');
    }
  });

  it('both are listed with what their manifests say', async () => {
    const { said } = await etcdSnapshot('list');
    const { snapshots, findings } = said as SnapshotList;
    expect(findings).toEqual([]);
    const lines = snapshots
      .map(({ name, place, state, isLate }) => [name, place, state, isLate])
      .filter(([name]) => name !== 'second.db' && name !== 'other.db');
    expect(lines.toSorted((a, b) => (a.join() < b.join() ? -1 : 1))).toEqual([
      ['alone.db', 'bucket', 'unanchored', false],
      ['first.db', 'bucket', expect.stringMatching(/^(unverified|bad)$/), false],
      ['first.db', 'folder', 'unverified', false],
    ]);
    expect(snapshots.find(({ name }) => name === 'first.db')).toMatchObject({ revision: expect.stringMatching(/^\d+$/), objects: expect.any(Number) });
  });

  it('one is downloaded, judged, and removed; with --keep it stays', async () => {
    const verified = await verify('other.db', '--place', 'bucket');
    expect(verified).toMatchObject({ code: 0, verdict: 'proven' });
    const kept = join(folder, 'kept');
    expect((await verify('other.db', '--place', 'bucket', '--keep', kept)).code).toBe(0);
    expect(await readdir(kept)).toEqual(['other.db', 'other.db.manifest.json']);
    expect((await readFile(join(kept, 'other.db'))).equals(await read('etcd/other.db'))).toBe(true);
    expect((await verify('first.db', '--place', 'folder')).code).toBe(0);
    expect((await verify('none.db', '--place', 'bucket').catch((error: unknown) => String(error))) as unknown).toMatchObject({ code: 3 });
  });

  it('a seal tells a snapshot that was replaced together with its manifest', async () => {
    const sealed = (await etcdSnapshot('seal', 'first.db', '--place', 'bucket')).said as SealedSnapshotFile;
    expect(sealed).toMatchObject({ wasSealed: false, key: 'seals/east/etcd-snapshots/bucket/first.db.json' });
    expect((await etcdSnapshot('seal', 'first.db', '--place', 'bucket')).said).toMatchObject({ wasSealed: true });
    expect(level(await verify('first.db', '--place', 'bucket'), 'L0')?.reason).toContain('as it was sealed at');
    const { code } = await etcdSnapshot('take', 'second.db', '--to', 'bucket', '--endpoint', servers.etcdUrl);
    expect(code).toBe(0);
    for (const end of ['', '.manifest.json']) await s3.put(`etcd/first.db${end}`, await read(`etcd/second.db${end}`));
    const replaced = await verify('first.db', '--place', 'bucket');
    expect(replaced).toMatchObject({ code: 6, verdict: 'bad' });
    expect(level(replaced, 'L0')?.reason).toContain('not the one that was sealed');
    expect(((await etcdSnapshot('list', '--place', 'bucket')).said as SnapshotList).snapshots.find(({ name }) => name === 'first.db')).toMatchObject({
      state: 'bad',
    });
    expect((await etcdSnapshot('seal', 'first.db', '--place', 'bucket')).code).toBe(6);
    expect((await etcdSnapshot('seal', 'alone.db', '--place', 'bucket')).code).toBe(6);
  });
});
