import { execFile } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { snapshotRefusals } from '../../src/etcd/snapshot-refusals.ts';
import type { VerifiedSnapshot } from '../../src/operations/verify-snapshot.ts';
import { startCli } from '../support/cli.ts';
import { findServer, type KubeServers, missingServers, startKube, temporaryFolder } from './servers.ts';

const missing = missingServers(['etcd', 'etcdutl', 'etcdctl', 'kube-apiserver']);
const BINARIES = dirname(findServer('etcdutl') ?? '');

/** What is not bytes that were damaged: those are in etcd-snapshots.test.ts, and wrong keys in etcd-encryption.test.ts. */
describe.skipIf(missing.length > 0)(`snapshots of clusters that are not well${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`, () => {
  const cleanUp = new AsyncDisposableStack();
  let folder = '';
  let servers: KubeServers;
  let uid = '';

  const etcdSnapshot = async (...args: readonly string[]) =>
    await startCli(['etcd', 'snapshot', ...args, '--binaries', BINARIES, '--json'], { env: { ...process.env, HOME: folder, TMPDIR: folder } }).ended;
  async function verify(path: string, ...args: readonly string[]): Promise<VerifiedSnapshot & { readonly code: number | null }> {
    const { code, stdout, stderr } = await etcdSnapshot('verify', path, '--cluster-uid', uid, ...args);
    expect(stdout, stderr).toMatch(/^\{/);
    return { ...(JSON.parse(stdout) as VerifiedSnapshot), code };
  }
  const take = async (name: string): Promise<string> => {
    const path = join(folder, name);
    const { code, stdout } = await etcdSnapshot('take', path, '--endpoint', servers.etcdUrl);
    expect(code, stdout).toBe(0);
    return path;
  };
  const level = (verified: VerifiedSnapshot, name: string) => verified.levels.find((one) => one.level === name);
  const etcdctl = async (...args: readonly string[]) =>
    (await promisify(execFile)(join(BINARIES, 'etcdctl'), ['--endpoints', servers.etcdUrl, ...args])).stdout;

  beforeAll(async () => {
    folder = cleanUp.use(await temporaryFolder('etcd-corpus')).path;
    servers = cleanUp.use(await startKube(folder));
    const first = await take('first.db');
    uid = (JSON.parse(await readFile(`${first}.manifest.json`, 'utf8')) as { readonly clusterUid: string }).clusterUid;
  });
  afterAll(async () => await cleanUp.disposeAsync());

  it('one with a NOSPACE alarm is proven, and the alarm is told', async () => {
    const alarm = async (action: string) =>
      await fetch(`${servers.etcdUrl}/v3/maintenance/alarm`, { method: 'POST', body: JSON.stringify({ action, memberID: '7', alarm: 'NOSPACE' }) });
    expect((await alarm('ACTIVATE')).status).toBe(200);
    const path = await take('alarmed.db');
    await alarm('DEACTIVATE');
    const verified = await verify(path);
    expect(verified).toMatchObject({ code: 0, verdict: 'proven' });
    expect(level(verified, 'L3')?.reason).toContain('alarm NOSPACE, to be disarmed after a restore');
    expect(snapshotRefusals(verified)).toEqual([]);
  });

  it('a zombie member: a snapshot that holds another member is restored to one member alone', async () => {
    const added = await etcdctl('member', 'add', 'other', '--learner', '--peer-urls=http://127.0.0.1:9');
    const path = await take('members.db');
    await etcdctl('member', 'remove', /Member\s+([0-9a-f]+)/.exec(added)?.[1] ?? '');
    const verified = await verify(path);
    expect(level(verified, 'L3')).toMatchObject({ state: 'proven', reason: expect.stringContaining('as the one member') });
  });

  it("a copy of a member's database is no snapshot", async () => {
    const path = join(folder, 'copy.db');
    await copyFile(join(folder, 'etcd', 'member', 'snap', 'db'), path);
    const verified = await verify(path);
    expect(verified).toMatchObject({ code: 6, verdict: 'bad' });
    expect(level(verified, 'L1')).toMatchObject({ state: 'failed', reason: expect.stringContaining("a copy of a member's database") });
    expect(snapshotRefusals(verified).every(({ isAcceptable }) => !isAcceptable)).toBe(true);
  });

  it.each(['3.7.1', '3.5.30'])('one of etcd %s is not called proven by programs of another minor version', async (etcdVersion) => {
    const path = join(folder, `of-${etcdVersion}.db`);
    await copyFile(join(folder, 'first.db'), path);
    const manifest = JSON.parse(await readFile(join(folder, 'first.db.manifest.json'), 'utf8')) as object;
    await writeFile(`${path}.manifest.json`, JSON.stringify({ ...manifest, etcdVersion }));
    const verified = await verify(path);
    expect(verified).toMatchObject({ code: 6, verdict: 'unproven' });
    expect(level(verified, 'L3')).toMatchObject({ state: 'not checked', reason: expect.stringContaining(`of etcd ${etcdVersion}`) });
    expect(snapshotRefusals(verified).map((refusal) => refusal.level)).toEqual(['L3']);
  });
});
