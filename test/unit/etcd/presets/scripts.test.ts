import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kubeadmPreset } from '../../../../src/etcd/presets/kubeadm.ts';
import { processStarted } from '../../../../src/etcd/presets/kubelet.ts';
import type { NodeAnswer, NodeCommand, NodeProbe } from '../../../../src/etcd/presets/preset.ts';
import { installCommand, type RestoreRequest, restoreCommand, restoreState } from '../../../../src/etcd/presets/restore-data.ts';
import { runningProbe } from '../../../../src/etcd/presets/running.ts';
import { staticPodVerbs } from '../../../../src/etcd/presets/static-pods.ts';

/** Runs a verb on this machine by the same shell that machines have. */
async function run({ script, args }: NodeCommand): Promise<NodeAnswer> {
  return await promisify(execFile)('sh', ['-c', script, 'verb', ...args]).then(
    ({ stdout, stderr }) => ({ exitCode: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { readonly code: number; readonly stdout: string; readonly stderr: string }) => ({ exitCode: code, stdout, stderr }),
  );
}

const ask = async <T>(probe: NodeProbe<T>): Promise<T> => probe.parse(await run(probe));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lattice-dr-preset-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('manifests of static pods', () => {
  const etcd = 'kind: Pod\nmetadata: {name: etcd}\nspec: {containers: [{image: i, command: [etcd, --name=a]}]}\n';
  const open = async () => {
    const folders = { manifests: join(folder, 'manifests'), keep: join(folder, 'keep') };
    await mkdir(folders.manifests);
    await writeFile(join(folders.manifests, 'etcd.yaml'), etcd);
    return { ...folders, verbs: staticPodVerbs(folders) };
  };

  it('are put aside and back, as often as one likes, and say where they are', async () => {
    const { verbs, manifests } = await open();
    expect(await ask(verbs.parkState('etcd', 'r1'))).toBe('in-place');
    for (let time = 0; time < 2; time += 1) expect(await run(verbs.park('etcd', 'r1'))).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(await ask(verbs.parkState('etcd', 'r1'))).toBe('parked');
    expect(await readdir(manifests)).toEqual([]);
    expect(await readFile(verbs.parkedFile('etcd', 'r1'), 'utf8')).toBe(etcd);
    for (let time = 0; time < 2; time += 1) expect(await run(verbs.unpark('etcd', 'r1'))).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(await readFile(join(manifests, 'etcd.yaml'), 'utf8')).toBe(etcd);
  });

  it('are never overwritten, and absence is no success', async () => {
    const { verbs, manifests } = await open();
    await run(verbs.park('etcd', 'r1'));
    await writeFile(join(manifests, 'etcd.yaml'), 'another');
    expect(await ask(verbs.parkState('etcd', 'r1'))).toBe('both');
    for (const verb of [verbs.park('etcd', 'r1'), verbs.unpark('etcd', 'r1')])
      expect(await run(verb)).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('are there') });
    expect(await readFile(verbs.parkedFile('etcd', 'r1'), 'utf8')).toBe(etcd);
    expect(await run(verbs.park('kube-vip', 'r1'))).toMatchObject({ exitCode: 4 });
    expect(await ask(verbs.parkState('kube-vip', 'r1'))).toBe('absent');
  });

  it('of another run are not those of this one', async () => {
    const { verbs } = await open();
    await run(verbs.park('etcd', 'r1'));
    expect(await ask(verbs.parkState('etcd', 'r2'))).toBe('absent');
  });

  it('are all read; a copy under another name is told, since the kubelet starts it too', async () => {
    const { verbs, manifests } = await open();
    await writeFile(join(manifests, 'etcd.yaml.bak'), etcd);
    await writeFile(join(manifests, 'kube-apiserver.yaml'), 'ümläut: [');
    await writeFile(join(manifests, 'notes.txt'), 'no manifest');
    await writeFile(join(manifests, '.etcd.yaml.swp'), etcd);
    await mkdir(join(folder, 'keep/r1'), { recursive: true });
    await writeFile(verbs.parkedFile('kube-scheduler', 'r1'), 'kind: Pod');
    const found = await ask(verbs.definitions('r1'));
    expect([...found.inPlace].map(([component, { text }]) => [component, text])).toEqual([
      ['etcd', etcd],
      ['kube-apiserver', 'ümläut: ['],
    ]);
    expect([...found.parked.keys()]).toEqual(['kube-scheduler']);
    expect(found.strays).toEqual([{ component: 'etcd', path: join(manifests, 'etcd.yaml.bak') }]);
  });

  it('that cannot be looked at are an error, not none', async () => {
    const { definitions } = staticPodVerbs({ manifests: join(folder, 'absent'), keep: folder });
    await expect(ask(definitions('r1'))).rejects.toMatchObject({ code: 'NODE_COMMAND_FAILED' });
  });
});

describe('what runs', () => {
  it('is seen by its program and by its port, and not by its name alone', async () => {
    const { createServer } = await import('node:net');
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { readonly port: number };
    const node = process.execPath.split('/').at(-1) as 'etcd';
    const state = await ask(runningProbe(node, { crictl: false, ports: [port, 1] }));
    expect(state).toMatchObject({ running: true, ports: [port], containers: undefined });
    expect(state.processes).toContain(process.pid);
    await new Promise((resolve) => server.close(resolve));
    expect(await ask(runningProbe('etcd-nowhere' as 'etcd', { crictl: false, ports: [port] }))).toEqual({
      running: false,
      processes: [],
      containers: undefined,
      ports: [],
    });
  });

  it('reads containers, and tells a silent runtime from none', () => {
    const probe = kubeadmPreset().running('etcd');
    const answer = (stdout: string) => probe.parse({ exitCode: 0, stdout, stderr: '' });
    expect(answer('listen 094B\nlisten 0016\ncontainer abc\n')).toEqual({ running: true, processes: [], containers: ['abc'], ports: [2379] });
    expect(answer('runtime-silent\n')).toEqual({ running: false, processes: [], containers: undefined, ports: [] });
    expect(answer('')).toEqual({ running: false, processes: [], containers: [], ports: [] });
    expect(() => probe.parse({ exitCode: 1, stdout: '', stderr: 'no shell' })).toThrow(/no shell/);
  });

  it('was started at a time', async () => {
    const name = (await readFile('/proc/self/comm', 'utf8')).trim();
    const started = (await ask(processStarted(name))) ?? 0;
    expect(Math.abs(started - Date.now() / 1_000)).toBeLessThan(12 * 3_600);
    expect(await ask(processStarted('no-such-name'))).toBeUndefined();
  });
});

describe('restoring data', () => {
  /** Writes what etcdutl writes, or fails half-way. */
  const etcdutl = (fails: boolean) => `#!/bin/sh
while [ $# -gt 0 ]; do case $1 in --data-dir) data=$2;; --wal-dir) wal=$2;; esac; shift; done
mkdir -p "$data/member/snap" && echo db > "$data/member/snap/db"
${fails ? 'echo "expected sha256 [1], got [2]" >&2; exit 1' : ''}
wal=\${wal:-$data/member/wal}
mkdir -p "$wal" && echo log > "$wal/0.wal"
`;
  const prepare = async (more: Partial<RestoreRequest> = {}, fails = false): Promise<RestoreRequest> => {
    await writeFile(join(folder, 'etcdutl'), etcdutl(fails));
    await chmod(join(folder, 'etcdutl'), 0o700);
    await writeFile(join(folder, 'prepared.db'), 'snapshot');
    return {
      runId: 'r1',
      etcdutl: join(folder, 'etcdutl'),
      snapshot: join(folder, 'prepared.db'),
      sha256: createHash('sha256').update('snapshot').digest('hex'),
      dataDir: join(folder, 'etcd'),
      walDir: undefined,
      member: { name: 'cp-1', peerUrl: 'https://10.77.0.11:2380' },
      token: 'lattice-dr-r1',
      ...more,
    };
  };
  const OK = { exitCode: 0, stdout: '', stderr: '' };

  it.each([
    ['within the data directory', false],
    ['with a log directory of its own', true],
  ])('goes beside, then by a rename to its place, %s', async (_what, apart) => {
    const request = await prepare(apart ? { walDir: join(folder, 'wal-disk/wal') } : {});
    expect(await ask(restoreState(request))).toBe('absent');
    expect(await run(installCommand(request))).toMatchObject({ exitCode: 3 });
    for (let time = 0; time < 2; time += 1) expect(await run(restoreCommand(request))).toEqual(OK);
    expect(await ask(restoreState(request))).toBe('ready');
    expect(await readdir(request.dataDir)).toEqual(['.lattice-dr-r1']);
    for (let time = 0; time < 2; time += 1) expect(await run(installCommand(request))).toEqual(OK);
    expect(await ask(restoreState(request))).toBe('installed');
    expect((await readdir(join(request.dataDir, 'member'))).toSorted()).toEqual(apart ? ['snap'] : ['snap', 'wal']);
    if (apart) expect(await readdir(join(folder, 'wal-disk/wal'))).toEqual(['0.wal']);
  });

  it('that failed leaves nothing where etcd looks, and is begun anew', async () => {
    const request = await prepare({}, true);
    expect(await run(restoreCommand(request))).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('expected sha256') });
    expect(await ask(restoreState(request))).toBe('partial');
    expect(await run(installCommand(request))).toMatchObject({ exitCode: 3 });
    await prepare();
    expect(await run(restoreCommand(request))).toEqual(OK);
    expect(await ask(restoreState(request))).toBe('ready');
  });

  it('of another snapshot, or another token, is not taken for this one', async () => {
    const request = await prepare();
    await run(restoreCommand(request));
    expect(await ask(restoreState({ ...request, token: 'other' }))).toBe('partial');
    expect(await run(installCommand({ ...request, token: 'other' }))).toMatchObject({ exitCode: 3 });
    expect(await run(restoreCommand({ ...request, token: 'other', sha256: '0'.repeat(64) }))).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('SHA-256'),
    });
  });

  it('never touches a member that is there', async () => {
    const request = await prepare();
    await run(restoreCommand(request));
    const other = { ...request, runId: 'r2' };
    await mkdir(join(request.dataDir, 'member'), { recursive: true });
    await writeFile(join(request.dataDir, 'member/precious'), 'x');
    expect(await run(installCommand(request))).toMatchObject({ exitCode: 4 });
    expect(await run(restoreCommand(other))).toMatchObject({ exitCode: 3 });
    expect(await readdir(join(request.dataDir, 'member'))).toEqual(['precious']);
  });
});
