import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiServerSettings } from '../../../../src/etcd/presets/apiserver-settings.ts';
import { etcdSettingsOfDefinition } from '../../../../src/etcd/presets/etcd-settings.ts';
import type { NodeAnswer, NodeCommand, NodeProbe } from '../../../../src/etcd/presets/preset.ts';
import { rke2Preset } from '../../../../src/etcd/presets/rke2.ts';
import {
  hideServerUrl,
  isRke2Preserved,
  joinRke2,
  preserveRke2,
  putRke2Back,
  type ResetFacts,
  resetRke2,
  resetState,
  rke2ResetState,
  showServerUrl,
} from '../../../../src/etcd/presets/rke2-data.ts';

const RUN = 'r1';
const NODES = [
  { name: 'cp-1', address: '10.0.0.1' },
  { name: 'cp-2', address: '10.0.0.2' },
];
/** Of a server that has joined, as rke2 1.36 writes it; what it joined by is left out after its first start. */
const CONFIG = `advertise-client-urls: https://10.0.0.1:2379
client-transport-security:
  cert-file: /var/lib/rancher/rke2/server/tls/etcd/server-client.crt
  client-cert-auth: true
  key-file: /var/lib/rancher/rke2/server/tls/etcd/server-client.key
  trusted-ca-file: /var/lib/rancher/rke2/server/tls/etcd/server-ca.crt
data-dir: /var/lib/rancher/rke2/server/db/etcd
listen-client-urls: https://127.0.0.1:2379,https://10.0.0.1:2379
listen-peer-urls: https://127.0.0.1:2380,https://10.0.0.1:2380
name: cp-1-0a1b2c3d
peer-transport-security:
  cert-file: /var/lib/rancher/rke2/server/tls/etcd/peer-server-client.crt
  key-file: /var/lib/rancher/rke2/server/tls/etcd/peer-server-client.key
  trusted-ca-file: /var/lib/rancher/rke2/server/tls/etcd/peer-ca.crt
`;

describe('a reset of rke2', () => {
  const facts: ResetFacts = { started: false, resetFlag: false, hasMember: true, oldData: ['etcd-old-1'], before: ['etcd', 'etcd-old-1'] };
  it.each<readonly [string, Partial<ResetFacts>, ReturnType<typeof resetState>]>([
    ['not begun', {}, 'absent'],
    ['not begun where nothing was', { hasMember: false, oldData: [], before: [] }, 'absent'],
    ['that has moved the data away', { hasMember: false, oldData: ['etcd-old-1', 'etcd-old-2'] }, 'partial'],
    ['that has restored, and not ended', { oldData: ['etcd-old-1', 'etcd-old-2'] }, 'partial'],
    ['that has restored where nothing was, and not ended', { oldData: [], before: [] }, 'partial'],
    ['that is done', { resetFlag: true, oldData: ['etcd-old-1', 'etcd-old-2'] }, 'restored'],
    ['that says that it is done, and has no member', { resetFlag: true, hasMember: false }, 'unknown'],
    ['after which rke2 was started', { started: true }, 'started'],
    ['after which rke2 was started, whatever else there is', { started: true, hasMember: false, oldData: ['etcd-old-2'] }, 'started'],
  ])('%s', (_what, changes, state) => {
    expect(resetState({ ...facts, ...changes })).toBe(state);
  });
});

/** Scripts run as they are, with the machine's folders moved into one of the test's own, and programs that stand for rke2's. */
describe('what is done to a server of rke2', () => {
  let root: string;
  const at = (path: string): string => join(root, path);
  const local = (text: string): string => text.replaceAll(/\/(etc|var\/lib)\/(rancher|lattice-dr)/g, `${root}/$1/$2`);

  const run = ({ script, args }: NodeCommand): NodeAnswer => {
    try {
      const stdout = execFileSync('sh', ['-c', local(script), 'sh', ...args.map(local)], {
        encoding: 'utf8',
        env: { ...process.env, PATH: `${at('bin')}:${process.env['PATH'] ?? ''}` },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      return { exitCode: 0, stdout, stderr: '' };
    } catch (error) {
      const { status, stdout, stderr } = error as { readonly status: number; readonly stdout: string; readonly stderr: string };
      return { exitCode: status, stdout, stderr };
    }
  };
  const done = (command: NodeCommand): void => {
    const answer = run(command);
    expect(answer, answer.stderr).toMatchObject({ exitCode: 0 });
  };
  const ask = <T>(probe: NodeProbe<T>): T => probe.parse(run(probe));
  const write = async (path: string, text = ''): Promise<void> => {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), text);
  };
  const program = async (name: string, text: string): Promise<void> => {
    await write(`bin/${name}`, `#!/bin/sh\n${text}\n`);
    await chmod(at(`bin/${name}`), 0o755);
  };
  const read = async (path: string): Promise<string> => await readFile(at(path), 'utf8');
  const DB = 'var/lib/rancher/rke2/server/db';
  const CONFIGS = 'etc/rancher/rke2';

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'lattice-dr-rke2-servers-'));
    await write(`${DB}/etcd/member/snap/db`, 'old');
    await write(`${DB}/etcd/member/wal/1.wal`, 'log');
    await write(`${DB}/etcd/config`, CONFIG);
    await write('var/lib/rancher/rke2/server/token', 'K10x::server:secret\n');
    await write(`${CONFIGS}/config.yaml`, 'token: secret\n');
    await program('rke2-killall.sh', `echo killall >> ${at('log')}`);
    await program('systemctl', `case "$*" in *LoadState*) cat ${at('load')} 2>/dev/null || echo loaded;; *) echo "$*" >> ${at('log')};; esac`);
  });
  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });

  it('is read from its manifests and the configuration file of its etcd', async () => {
    await write('var/lib/rancher/rke2/agent/pod-manifests/kube-apiserver.yaml', 'api');
    await write('var/lib/rancher/rke2/agent/pod-manifests/etcd.yaml', 'not looked at');
    const { inPlace } = ask(rke2Preset(NODES).definitions(RUN));
    expect([...inPlace.keys()].sort()).toEqual(['etcd', 'kube-apiserver']);
    const file = inPlace.get('etcd') ?? { path: '', text: '' };
    expect(etcdSettingsOfDefinition(file)).toMatchObject({
      name: 'cp-1-0a1b2c3d',
      dataDir: '/var/lib/rancher/rke2/server/db/etcd',
      peerUrls: ['https://10.0.0.1:2380'],
      server: { caFile: '/var/lib/rancher/rke2/server/tls/etcd/server-ca.crt' },
    });
  });

  it('of which rke2-killall.sh has removed the manifests has an API server, whose keys of encryption are where rke2 keeps them', async () => {
    const settings = () => apiServerSettings(ask(rke2Preset(NODES).definitions(RUN)).inPlace.get('kube-apiserver') ?? { path: '', text: '' });
    await write('var/lib/rancher/rke2/server/tls/etcd/server-client.key', 'key');
    expect(settings()).toMatchObject({ securePort: 6443, etcdServers: ['https://127.0.0.1:2379'], encryptionConfig: undefined });
    await write('var/lib/rancher/rke2/server/cred/encryption-config.json', '{}');
    expect(settings().encryptionConfig).toBe('/var/lib/rancher/rke2/server/cred/encryption-config.json');
  });

  it('that has certificates and no data is one that can join; one with its data elsewhere is not known', async () => {
    await rm(at(DB), { recursive: true });
    await write('var/lib/rancher/rke2/server/tls/etcd/server-client.key', 'key');
    await program('hostname', 'echo cp-2');
    const { inPlace } = ask(rke2Preset(NODES).definitions(RUN));
    expect(etcdSettingsOfDefinition(inPlace.get('etcd') ?? { path: '', text: '' })).toMatchObject({ name: 'cp-2', peerUrls: ['https://10.0.0.2:2380'] });
    await write(`${CONFIGS}/config.yaml.d/05.yaml`, local('data-dir: "/var/lib/rancher/rke2/"\n'));
    expect(ask(rke2Preset(NODES).definitions(RUN)).inPlace.has('etcd')).toBe(true);
    await write(`${CONFIGS}/config.yaml.d/10.yaml`, '{\n  "data-dir": "/data"\n}\n');
    expect(() => ask(rke2Preset(NODES).definitions(RUN))).toThrow('sets data-dir');
  });

  it('takes members by the name of its Node with a random suffix', () => {
    const { whole } = rke2Preset(NODES);
    expect(
      ['cp-1', 'cp-1-0a1b2c3d', 'cp-1-0a1b2c3', 'cp-1-0a1b2c3g', 'cp-10-0a1b2c3d', 'cp-2-0a1b2c3d'].map((name) => whole?.isMemberOf(name, 'cp-1')),
    ).toEqual([true, true, false, false, false, false]);
  });

  it('a server that joins has its whole database aside, and has it back byte by byte', async () => {
    const before = await stat(at(`${DB}/etcd/member/snap/db`));
    for (const _ of [1, 2]) done(preserveRke2(RUN, 'other'));
    expect(await readdir(at('var/lib/rancher/rke2/server'))).toEqual([`db.lattice-dr-${RUN}`, 'token']);
    expect(ask(isRke2Preserved(RUN))).toBe(true);
    expect(await read(`var/lib/lattice-dr/${RUN}/token`)).toBe('K10x::server:secret\n');
    await write(`${DB}/etcd/member/snap/db`, 'new');
    done(joinRke2('https://10.0.0.1:9345'));
    expect(await read(`${CONFIGS}/config.yaml.d/99-lattice-dr.yaml`)).toBe('server: https://10.0.0.1:9345\n');
    for (const _ of [1, 2]) done(putRke2Back(RUN));
    expect((await stat(at(`${DB}/etcd/member/snap/db`))).ino).toBe(before.ino);
    expect(await readdir(at(`${CONFIGS}/config.yaml.d`))).toEqual([]);
    expect(await read(`var/lib/rancher/rke2/server/db.restored-${RUN}/etcd/member/snap/db`)).toBe('new');
  });

  it('a database that is changed while it is aside is not taken for the old one', async () => {
    done(preserveRke2(RUN, 'other'));
    await write(`var/lib/rancher/rke2/server/db.lattice-dr-${RUN}/etcd/member/wal/1.wal`, 'touched');
    expect(run(putRke2Back(RUN))).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('is not what was put aside') });
  });

  /** What rke2 does, up to a point. */
  const rke2 = async (until: 'moved' | 'restored' | 'done'): Promise<void> => {
    const lines = [
      `cd ${at(DB)}`,
      'n=$(ls -d etcd-old-* 2>/dev/null | wc -l)',
      'if [ -d etcd ]; then mv etcd etcd-old-170000000$n; fi',
      ...(until === 'moved' ? ['exit 1'] : ['mkdir -p etcd/member/snap', 'echo "restored $n" > etcd/member/snap/db']),
      ...(until === 'restored' ? ['exit 1'] : []),
      'touch reset-flag',
      'echo "Managed etcd cluster membership has been reset, restart without --cluster-reset flag now"',
    ];
    await program('rke2', lines.join('\n'));
  };
  const reset = async (): Promise<NodeAnswer> => {
    await write(`var/lib/lattice-dr/${RUN}/prepared.db`, 'snapshot');
    const sha256 = hash('sha256', 'snapshot');
    return run(resetRke2(RUN, { path: `/var/lib/lattice-dr/${RUN}/prepared.db`, sha256 }));
  };

  it('a reset that was cut off may be done again; the seed has its own data back, not what an unfinished reset left', async () => {
    done(preserveRke2(RUN, 'seed'));
    expect(ask(rke2ResetState(RUN))).toBe('absent');
    for (const until of ['moved', 'restored'] as const) {
      await rke2(until);
      expect((await reset()).exitCode).toBe(1);
      expect(ask(rke2ResetState(RUN))).toBe('partial');
    }
    await rke2('done');
    expect(await reset()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('has been reset') });
    expect(ask(rke2ResetState(RUN))).toBe('restored');
    for (const _ of [1, 2]) done(putRke2Back(RUN));
    expect(await read(`${DB}/etcd/member/snap/db`)).toBe('old');
    expect(await readdir(at(DB))).not.toContain('reset-flag');
  });

  it('a seed that had nothing has nothing again', async () => {
    await rm(at(`${DB}/etcd`), { recursive: true });
    done(preserveRke2(RUN, 'seed'));
    await rke2('restored');
    await reset();
    await rke2('done');
    await reset();
    done(putRke2Back(RUN));
    expect(await readdir(at(DB))).not.toContain('etcd');
  });

  it('is not reset again once it was started, nor to another snapshot, and is not taken back once it was opened', async () => {
    await rke2('done');
    done(preserveRke2(RUN, 'seed'));
    expect(run(resetRke2(RUN, { path: at('log'), sha256: '0'.repeat(64) })).exitCode).toBe(4);
    await write(`var/lib/lattice-dr/${RUN}/rke2-started`, 'now');
    expect(await reset()).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('not reset again') });
    await write(`var/lib/lattice-dr/${RUN}/opened`, 'now');
    expect(run(putRke2Back(RUN))).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('was opened') });
    expect(await read(`${DB}/etcd/member/snap/db`)).toBe('old');
  });

  it('server: is hidden for the reset, however often, and comes back as it was', async () => {
    const text = '# mine\n"server": https://10.0.0.2:9345\ntoken: secret\nserver-ish: stays\n';
    const path = `${CONFIGS}/config.yaml.d/10 join.yaml`;
    await write(path, text);
    for (const _ of [1, 2]) done(hideServerUrl(RUN, [`/${path}`]));
    expect(await read(path)).toBe('# mine\ntoken: secret\nserver-ish: stays\n');
    for (const _ of [1, 2]) done(showServerUrl(RUN));
    expect(await read(path)).toBe(text);
    expect(await readdir(at(`${CONFIGS}/config.yaml.d`))).toEqual(['10 join.yaml']);
  });

  it('is masked before its pods are ended, and what is masked by somebody else is not taken for its own', async () => {
    const { park } = rke2Preset(NODES);
    done(park('etcd', RUN));
    expect((await read('log')).split('\n').slice(-5)).toEqual(['daemon-reload', 'mask rke2-server.service', 'stop rke2-server.service', 'killall', '']);
    await write('load', 'masked');
    expect(run(park('etcd', 'another'))).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('not by this run') });
  });
});
