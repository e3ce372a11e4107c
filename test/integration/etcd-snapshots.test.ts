import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TakenSnapshot } from '../../src/operations/take-snapshot.ts';
import type { VerifiedSnapshot } from '../../src/operations/verify-snapshot.ts';
import { startCli } from '../support/cli.ts';
import { flip, loneSurvivor, noDatabase, offsetOf, refit } from './etcd-damage.ts';
import { findServer, freePort, type KubeServers, missingServers, startKube, temporaryFolder } from './servers.ts';

/** What runs on this machine, by its command lines. */
async function commandLines(): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'args'], { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

const missing = missingServers(['etcd', 'etcdutl', 'etcdctl', 'kube-apiserver']);
const BINARIES = dirname(findServer('etcdutl') ?? '');
/** Bytes of the appended SHA-256. */
const TAIL = 32;

describe.skipIf(missing.length > 0)(`snapshots of a real cluster${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`, () => {
  const cleanUp = new AsyncDisposableStack();
  let folder = '';
  let servers: KubeServers;
  let taken: TakenSnapshot;
  let snapshot = '';

  const etcdSnapshot = async (...args: readonly string[]) =>
    await startCli(['etcd', 'snapshot', ...args, '--binaries', BINARIES, '--json'], { env: { ...process.env, HOME: folder, TMPDIR: folder } }).ended;

  /** The verdict on a file, and how the command ended. */
  async function verify(path: string, ...args: readonly string[]): Promise<VerifiedSnapshot & { readonly code: number | null }> {
    const { code, stdout, stderr } = await etcdSnapshot('verify', path, ...args);
    expect(stdout, stderr).toMatch(/^\{/);
    return { ...(JSON.parse(stdout) as VerifiedSnapshot), code };
  }

  /** A copy of the snapshot under another name, with its manifest beside it. */
  async function copy(name: string, isWithManifest = true): Promise<string> {
    const path = join(folder, name);
    await copyFile(snapshot, path);
    if (isWithManifest) await copyFile(`${snapshot}.manifest.json`, `${path}.manifest.json`);
    return path;
  }

  const level = (verified: VerifiedSnapshot, name: string) => verified.levels.find((one) => one.level === name);

  beforeAll(async () => {
    folder = cleanUp.use(await temporaryFolder('etcd-snapshots')).path;
    servers = cleanUp.use(await startKube(folder));
    snapshot = join(folder, 'taken.db');
    const { code, stdout, stderr } = await etcdSnapshot('take', snapshot, '--endpoint', servers.etcdUrl);
    expect(code, stderr).toBe(0);
    taken = JSON.parse(stdout) as TakenSnapshot;
  });
  afterAll(async () => await cleanUp.disposeAsync());

  it('take proves what it took, and keeps beside it what the member has', async () => {
    expect(taken.verdict).toBe('proven');
    expect(taken.manifest.members).toEqual([{ endpoint: servers.etcdUrl, hashKv: taken.manifest.hashKv }]);
    expect(taken.manifest.resources).toMatchObject({ namespaces: 4, 'services/specs': 1 });
    expect(taken.manifest.clusterUid).toMatch(/^[0-9a-f-]{36}$/);
    expect((await stat(snapshot)).mode & 0o777).toBe(0o600);
    expect(
      createHash('sha256')
        .update(await readFile(snapshot))
        .digest('hex'),
    ).toBe(taken.manifest.sha256);
  });

  it('take writes over nothing', async () => {
    const { code, stdout } = await etcdSnapshot('take', snapshot, '--endpoint', servers.etcdUrl);
    expect(code).toBe(3);
    expect(stdout).toContain('exists and is not written over');
  });

  it('take says who does not answer', async () => {
    const { code, stdout } = await etcdSnapshot('take', join(folder, 'none.db'), '--endpoint', `http://127.0.0.1:${await freePort()}`);
    expect(code).toBe(9);
    expect(stdout).toContain('ETCD_UNAVAILABLE');
  });

  it('a sound one of the wanted cluster is proven at every level, and nothing of it is left running', async () => {
    const verified = await verify(snapshot, '--cluster-uid', taken.manifest.clusterUid ?? '', '--max-age', '1h');
    expect(verified.code).toBe(0);
    expect(verified.levels.map(({ level: name, state }) => `${name} ${state}`)).toEqual(
      ['L0', 'L1', 'L2', 'L3', 'L4', 'L5', 'L6'].map((name) => `${name} proven`),
    );
    expect((await readdir(folder)).filter((name) => name.startsWith('lattice-dr-etcd-'))).toEqual([]);
    expect(await commandLines()).not.toContain('lattice-dr-scratch');
  });

  it('without its manifest it is unanchored, and that is no success', async () => {
    const verified = await verify(await copy('alone.db', false));
    expect(verified).toMatchObject({ code: 6, verdict: 'unanchored' });
    expect(level(verified, 'L4')).toMatchObject({ state: 'proven' });
  });

  const broken: readonly {
    readonly name: string;
    readonly breaks: (path: string) => Promise<void>;
    readonly levels: readonly string[];
    readonly says: RegExp;
  }[] = [
    { name: 'one flipped byte', breaks: async (path) => await flip(path, 20_000), levels: ['L0', 'L1'], says: /altered/ },
    { name: 'a tail cut off', breaks: async (path) => await truncate(path, (await stat(path)).size - 4_096), levels: ['L0', 'L1'], says: /SHA-256/ },
    { name: 'half of it', breaks: async (path) => await truncate(path, 9_999), levels: ['L0', 'L1'], says: /cut short/ },
    {
      name: 'its hash missing',
      breaks: async (path) => await truncate(path, (await stat(path)).size - TAIL),
      levels: ['L0', 'L1'],
      says: /no SHA-256 is appended/,
    },
    { name: 'a wrong hash', breaks: async (path) => await flip(path, (await stat(path)).size - 1), levels: ['L0', 'L1'], says: /altered/ },
    { name: 'nothing in it', breaks: async (path) => await truncate(path, 0), levels: ['L0', 'L1'], says: /empty/ },
    { name: 'other content', breaks: async (path) => await writeFile(path, 'no snapshot\n'), levels: ['L0', 'L1'], says: /no snapshot at all/ },
    { name: 'a database that is none, under a fitting hash', breaks: noDatabase, levels: ['L0', 'L2', 'L3', 'L4', 'L5'], says: /cannot be restored/ },
  ];
  it.each(broken)('one with $name is bad, and is told why', async ({ name, breaks, levels, says }) => {
    const path = await copy(`${name.replaceAll(' ', '-')}.db`);
    await breaks(path);
    const verified = await verify(path);
    expect(verified).toMatchObject({ code: 6, verdict: 'bad' });
    expect(verified.levels.filter(({ state }) => state === 'failed').map((failed) => failed.level)).toEqual(levels);
    expect(verified.levels.map(({ reason }) => reason).join('\n')).toMatch(says);
  });

  it('a value altered under a hash made to fit is caught by its manifest alone', async () => {
    const path = await copy('refitted.db');
    await refit(path, await offsetOf(path, '/registry/namespaces/kube-public'));
    expect(level(await verify(path), 'L1')).toMatchObject({ state: 'proven' });
    expect(await verify(path)).toMatchObject({ code: 6, verdict: 'bad' });
  });

  it('one of another cluster is told by its uid, one too old by its manifest', async () => {
    const other = await verify(snapshot, '--cluster-uid', '06aa08d8-8134-4c90-adef-96f0f5a9ab13');
    expect(level(other, 'L6')).toMatchObject({ state: 'failed', reason: expect.stringContaining(taken.manifest.clusterUid ?? '-') });
    const old = await copy('old.db');
    await writeFile(`${old}.manifest.json`, JSON.stringify({ ...taken.manifest, takenAt: '2020-01-01T00:00:00.000Z' }));
    expect(level(await verify(old, '--max-age', '24h'), 'L6')).toMatchObject({ state: 'failed', reason: expect.stringContaining('ago') });
  });

  it('a later snapshot under the manifest of an earlier one does not pass', async () => {
    const put = await runCtl('put', '/registry/configmaps/default/later', '{"kind":"ConfigMap"}');
    expect(put).toBe(0);
    const later = join(folder, 'later.db');
    expect((await etcdSnapshot('take', later, '--endpoint', servers.etcdUrl)).code).toBe(0);
    await copyFile(`${snapshot}.manifest.json`, join(folder, 'swapped.json'));
    const verified = await verify(later, '--manifest', join(folder, 'swapped.json'));
    expect(verified.levels.filter(({ state }) => state === 'failed').map((failed) => failed.level)).toEqual(['L0', 'L2', 'L4']);
  });

  it('values that no API server writes are named', async () => {
    await runCtl('put', '/registry/configmaps/default/strange', 'garbage');
    const { code, stdout } = await etcdSnapshot('take', join(folder, 'strange.db'), '--endpoint', servers.etcdUrl);
    await runCtl('del', '/registry/configmaps/default/strange');
    expect(code).toBe(6);
    expect(stdout).toContain('/registry/configmaps/default/strange');
  });

  it('encrypted values are named by provider and key, and not called readable', async () => {
    await runCtl('put', '/registry/secrets/default/sealed', 'k8s:enc:aescbc:v1:key1:0123456789abcdef');
    const { code, stdout } = await etcdSnapshot('take', join(folder, 'sealed.db'), '--endpoint', servers.etcdUrl);
    await runCtl('del', '/registry/secrets/default/sealed');
    expect(code).toBe(0);
    const sealed = JSON.parse(stdout) as TakenSnapshot;
    expect(sealed.manifest.encryption).toEqual(['aescbc:v1:key1']);
    expect(level(sealed, 'L5')).toMatchObject({ state: 'not checked', reason: expect.stringContaining('aescbc:v1:key1') });
  });

  it('a last survivor without quorum can be saved, and is told apart from what others had', async () => {
    await using survivor = await loneSurvivor(snapshot, folder);
    const path = join(folder, 'survivor.db');
    const { code, stdout, stderr } = await etcdSnapshot('take', path, '--endpoint', survivor.url, '--endpoint', survivor.goneUrl);
    expect(code, stderr).toBe(0);
    const saved = JSON.parse(stdout) as TakenSnapshot;
    expect(saved.manifest.resources).toEqual(taken.manifest.resources);
    expect(saved.findings).toEqual([expect.stringContaining(`${survivor.goneUrl} was not compared`)]);
  });

  it('says which program is missing', async () => {
    const { code, stdout } = await startCli(['etcd', 'snapshot', 'verify', snapshot, '--binaries', folder, '--json'], { env: { ...process.env, HOME: folder } })
      .ended;
    expect(code).toBe(4);
    expect(stdout).toContain('PROCESS_NOT_FOUND');
  });

  async function runCtl(...args: readonly string[]): Promise<number | null> {
    return await promisify(execFile)(join(BINARIES, 'etcdctl'), ['--endpoints', servers.etcdUrl, ...args]).then(
      () => 0,
      () => 1,
    );
  }
});
