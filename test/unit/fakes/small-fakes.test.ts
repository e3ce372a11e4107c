import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/model/secret.ts';
import { createFakeClusters } from '../../fakes/fake-clusters.ts';
import { createFakeDnsZones, FakeDnsZone } from '../../fakes/fake-dns-zone.ts';
import { FakeHttpProbe } from '../../fakes/fake-http-probe.ts';
import { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { FakeProcesses } from '../../fakes/fake-processes.ts';
import { MemoryGit } from '../../fakes/memory-git.ts';
import { createMemoryObjectStores, MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { encryptForTest, MemorySecretFiles } from '../../fakes/memory-secret-files.ts';

const signal = new AbortController().signal;

describe('FakeProcesses', () => {
  const command = (file: string, ...args: string[]) => ({ file, args, signal, timeoutMs: 1 });

  it('runs, fails or lacks a program as told, and keeps what ran', async () => {
    const processes = new FakeProcesses({ ok: 'out', bad: { exitCode: 3, output: 'why' }, code: ({ args }) => args.join('+') });
    expect(await processes.run(command('ok', '-x'))).toEqual({ stdout: 'out', stderr: '' });
    expect((await processes.run(command('code', 'a', 'b'))).stdout).toBe('a+b');
    await expect(processes.run(command('bad'))).rejects.toMatchObject({ code: 'PROCESS_FAILED', details: { exitCode: 3, output: 'why' } });
    await expect(processes.run(command('none'))).rejects.toMatchObject({ code: 'PROCESS_NOT_FOUND' });
    expect(processes.calls).toEqual(['ok -x', 'code a b', 'bad', 'none']);
  });

  it('refuses a secret as an argument', async () => {
    await expect(new FakeProcesses({ ok: '' }).run({ ...command('ok'), args: [new Secret('x') as unknown as string] })).rejects.toThrow(
      'secret as an argument',
    );
  });

  it('knows who lives', async () => {
    const processes = new FakeProcesses({}, [1]);
    const self = await processes.self();
    expect(await processes.isAlive(self)).toBe(true);
    expect(await processes.isAlive({ ...self, pid: 2 })).toBe(false);
  });
});

describe('MemorySecretFiles', () => {
  it('reads, writes and decrypts with the right identity only', async () => {
    const secrets = new MemorySecretFiles();
    secrets.env.set('KEY', 'identity-1');
    expect(await secrets.write('/k', new Secret('v'))).toBe('/k');
    expect((await secrets.read({ file: '/k' })).reveal()).toBe('v');
    expect((await secrets.decryptAge(encryptForTest('text\n', 'identity-1'), { env: 'KEY' })).reveal()).toBe('text\n');
    await expect(secrets.decryptSops(encryptForTest('text', 'identity-2'), { env: 'KEY' })).rejects.toMatchObject({ code: 'SECRET_UNREADABLE' });
    await expect(secrets.read({ env: 'NONE' })).rejects.toMatchObject({ code: 'SECRET_SOURCE_MISSING' });
    await expect(secrets.readEncrypted('/none')).rejects.toMatchObject({ code: 'SECRET_SOURCE_MISSING' });
  });
});

describe('FakeHttpProbe', () => {
  it('gives the answers of a URL in turn, the last one again, and none for others', async () => {
    const probe = new FakeHttpProbe({ 'http://a/': [undefined, { status: 200, body: 'ok' }] });
    const request = { url: 'http://a/', timeoutMs: 1, signal };
    await expect(probe.get(request)).rejects.toMatchObject({ code: 'HEALTH_NOT_PROVEN' });
    expect(await probe.get({ ...request, address: { host: '127.0.0.9', port: 1 } })).toEqual({ status: 200, body: 'ok', address: '127.0.0.9' });
    expect((await probe.get(request)).status).toBe(200);
    await expect(probe.get({ ...request, url: 'http://b/' })).rejects.toMatchObject({ code: 'HEALTH_NOT_PROVEN' });
  });
});

describe('MemoryGit', () => {
  const source = { repository: 'x', ref: 'main', paths: [] };

  it('resolves refs and gives the files of a commit under the paths', async () => {
    const git = new MemoryGit();
    const first = git.commit({ 'b/x': '1', 'a/y': '2' });
    const second = git.commit({ 'b/x': '3' }, { subject: 'next' });
    expect(await git.resolve(source, signal)).toBe(second);
    const files = await git.files({ ...source, commit: first, paths: ['b'] }, signal);
    expect(files.map(({ path, content }) => [path, new TextDecoder().decode(content)])).toEqual([['b/x', '1']]);
    expect((await git.files({ ...source, commit: first }, signal)).map(({ path }) => path)).toEqual(['a/y', 'b/x']);
    expect(await git.describe({ ...source, commit: second }, signal)).toMatchObject({ subject: 'next' });
  });

  it('refuses what is not there', async () => {
    const git = new MemoryGit();
    const commit = git.commit({ a: '1' });
    await expect(git.resolve({ ...source, ref: 'none' }, signal)).rejects.toMatchObject({ code: 'GIT_FAILED' });
    await expect(git.files({ ...source, commit, paths: ['none'] }, signal)).rejects.toMatchObject({ code: 'GIT_FAILED' });
    await expect(git.files({ ...source, commit: 'none' }, signal)).rejects.toMatchObject({ code: 'GIT_FAILED' });
  });
});

describe('openers of fakes', () => {
  it('give what they were given, by reference, and refuse the rest as a missing file, zone or bucket is refused', async () => {
    const [cluster, zone, store] = [new FakeKubeCluster(), new FakeDnsZone(), new MemoryObjectStore('backups')];
    await using clusters = createFakeClusters({ '/parent': cluster, PARENT: cluster, text: cluster });
    for (const ref of [{ kubeconfigPath: '/parent' }, { kubeconfigEnv: 'PARENT' }, { kubeconfig: new Secret('text') }])
      expect(await clusters.open(ref)).toBe(cluster);
    await expect(clusters.open({ kubeconfigPath: '/none' })).rejects.toMatchObject({ code: 'KUBECONFIG_INVALID' });
    const zones = createFakeDnsZones({ 'example.com': zone });
    expect(await zones.open({ host: 'x', port: 53, zone: 'example.com' })).toBe(zone);
    await expect(zones.open({ host: 'x', port: 53, zone: 'example.net' })).rejects.toMatchObject({ code: 'DNS_UPDATE_FAILED' });
    const stores = createMemoryObjectStores([store]);
    expect(await stores.open({ bucket: 'backups' })).toBe(store);
    await expect(stores.open({ bucket: 'none' })).rejects.toMatchObject({ code: 'S3_FAILED', details: { code: 'NoSuchBucket' } });
  });
});
