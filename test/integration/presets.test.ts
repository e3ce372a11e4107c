import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { systemRandom } from '../../src/adapters/clock/system-random.ts';
import { createNodes } from '../../src/adapters/ssh/ssh-nodes.ts';
import { clusterIdOf, memberIdOf } from '../../src/etcd/identity.ts';
import { type EtcdSettings, etcdAccess, etcdctlEnv, etcdSettingsOfDefinition } from '../../src/etcd/presets/etcd-settings.ts';
import { kubeadmPreset } from '../../src/etcd/presets/kubeadm.ts';
import type { NodeCommand, NodeFile, NodeProbe, Preset } from '../../src/etcd/presets/preset.ts';
import { installCommand, type RestoreRequest, restoreCommand, restoreState } from '../../src/etcd/presets/restore-data.ts';
import { systemdPreset } from '../../src/etcd/presets/systemd.ts';
import type { NodeResult, Nodes } from '../../src/ports/nodes.ts';
import { eventually, nodesMissing, TestNodes } from '../support/lab-nodes.ts';
import { findServer } from './servers.ts';

const missing = await nodesMissing();
const SOON = 60_000;
const RUN = 'r1';
const NAMES = ['cp-1', 'cp-2', 'cp-3'] as const;
const signal = new AbortController().signal;

/** The verbs of a preset on real machines, as steps use them: over the operator's ssh. */
class Plane implements AsyncDisposable {
  readonly preset: Preset;
  readonly world: TestNodes;
  readonly #nodes: Nodes = createNodes({ clock: systemClock, random: systemRandom, env: process.env });

  constructor(preset: Preset, world: TestNodes) {
    this.preset = preset;
    this.world = world;
  }

  async machine(name: string) {
    return await this.#nodes.open({ name, host: name, configFile: this.world.set.ssh.configFile });
  }

  async run(name: string, command: NodeCommand): Promise<NodeResult> {
    return await (await this.machine(name)).run({ ...command, signal });
  }

  async does(name: string, command: NodeCommand): Promise<void> {
    expect(await this.run(name, command)).toMatchObject({ exitCode: 0 });
  }

  async ask<T>(name: string, probe: NodeProbe<T>): Promise<T> {
    return probe.parse(await this.run(name, probe));
  }

  async isRunning(name: string): Promise<boolean> {
    return (await this.ask(name, this.preset.running('etcd'))).running;
  }

  /** etcdctl on the machine, with what its definition says. */
  async etcdctl(name: string, settings: EtcdSettings, ...words: readonly string[]): Promise<NodeResult> {
    const env = Object.entries(etcdctlEnv(etcdAccess(settings, this.preset.etcdClient))).map(([key, value]) => `${key}=${value}`);
    return await this.run(name, { title: 'etcdctl', script: 'env "$@"', args: [...env, findServer('etcdctl') ?? '', ...words] });
  }

  async write(name: string, { path, text }: NodeFile): Promise<void> {
    const bytes = Buffer.from(text);
    const source = (async function* () {
      yield bytes;
    })();
    await (await this.machine(name)).upload({ source, path, sha256: createHash('sha256').update(bytes).digest('hex'), mode: 0o600, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#nodes[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

const PRESETS = { kubeadm: kubeadmPreset, systemd: systemdPreset } as const;

describe.skipIf(missing !== '').each(['kubeadm', 'systemd'] as const)(
  `the verbs of %s on machines${missing === '' ? '' : ` (skipped: ${missing})`}`,
  (name) => {
    let plane: Plane;

    beforeAll(async () => {
      plane = new Plane(PRESETS[name](), await TestNodes.create({ count: 3, etcdOnly: true, preset: name }));
    });

    afterAll(async () => {
      await plane?.[Symbol.asyncDispose]();
    });

    const settingsOf = async (machine: string): Promise<EtcdSettings> => {
      const { inPlace, parked } = await plane.ask(machine, plane.preset.definitions(RUN));
      return etcdSettingsOfDefinition((inPlace.get('etcd') ?? parked.get('etcd'))!);
    };

    it('tell how etcd is set up, that it runs, and how it is asked', async () => {
      const settings = await settingsOf('cp-2');
      const address = plane.world.node('cp-2').address;
      expect(settings).toMatchObject({ name: 'cp-2', dataDir: '/var/lib/etcd', peerUrls: [`https://${address}:2380`], initialCluster: expect.anything() });
      const state = await plane.ask('cp-2', plane.preset.running('etcd'));
      expect(state).toMatchObject({ running: true, processes: [expect.any(Number)], ports: [2379, 2380] });
      expect(await plane.etcdctl('cp-2', settings, 'endpoint', 'health')).toMatchObject({ exitCode: 0 });
      expect(await plane.ask('cp-2', plane.preset.parkState('etcd', RUN))).toBe('in-place');
      const { strays, unread } = await plane.ask('cp-2', plane.preset.definitions(RUN));
      expect([strays, unread]).toEqual([[], undefined]);
      expect(await plane.ask('cp-2', plane.preset.idle)).toBeUndefined();
    });

    it('stop etcd for as long as it is put aside, and start it again', async () => {
      const settings = await settingsOf('cp-3');
      for (let time = 0; time < 2; time += 1) await plane.does('cp-3', plane.preset.park('etcd', RUN));
      await eventually(async () => !(await plane.isRunning('cp-3')), SOON, 'etcd is stopped');
      expect(await plane.ask('cp-3', plane.preset.parkState('etcd', RUN))).toBe('parked');
      expect(await settingsOf('cp-3')).toEqual(settings);
      expect(await plane.ask('cp-3', plane.preset.parkState('etcd', 'another'))).toBe('absent');
      const idle = { kind: 'unit-stopped', detail: 'etcd.service is masked' };
      expect(await plane.ask('cp-3', plane.preset.idle)).toEqual(name === 'systemd' ? idle : undefined);
      for (let time = 0; time < 2; time += 1) expect((await plane.run('cp-3', plane.preset.unpark('etcd', RUN))).exitCode).toBe(0);
      await eventually(async () => (await plane.etcdctl('cp-3', settings, 'endpoint', 'health')).exitCode === 0, SOON, 'etcd is back');
    });

    it('end what does not end by itself, which is started again while it is in its place', async () => {
      const [before] = (await plane.ask('cp-3', plane.preset.running('etcd'))).processes;
      await plane.does('cp-3', plane.preset.forceStop('etcd'));
      await eventually(
        async () => ![before, undefined].includes((await plane.ask('cp-3', plane.preset.running('etcd'))).processes[0]),
        SOON,
        'another process',
      );
    });

    it('restart the kubelet, and show that it was', async () => {
      const { restartKubelet, kubeletStarted } = plane.preset;
      const before = await plane.ask('cp-1', kubeletStarted!);
      expect(before).toBeGreaterThan(1_700_000_000);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      await plane.does('cp-1', restartKubelet!);
      await eventually(async () => ((await plane.ask('cp-1', kubeletStarted!)) ?? 0) > before!, SOON, 'the kubelet began anew');
    });

    it('bring a snapshot back on one machine, alone and as predicted, and take the others in', async () => {
      const all = new Map<string, EtcdSettings>();
      for (const machine of NAMES) all.set(machine, await settingsOf(machine));
      const seed = all.get('cp-1')!;
      const ctl = async (...words: readonly string[]): Promise<NodeResult> => await plane.etcdctl('cp-1', seed, ...words);
      await eventually(async () => (await ctl('put', 'key', 'kept')).exitCode === 0, SOON, 'a write');
      const snapshot = '/var/lib/lattice-dr/prepared.db';
      await plane.does('cp-1', { title: 'make room', script: 'mkdir -p /var/lib/lattice-dr', args: [] });
      expect(await ctl('snapshot', 'save', snapshot)).toMatchObject({ exitCode: 0 });
      const sha256 = (await plane.run('cp-1', { title: 'add up', script: 'sha256sum "$1"', args: [snapshot] })).stdout.slice(0, 64);
      await ctl('put', 'key', 'lost');

      for (const machine of NAMES) await plane.does(machine, plane.preset.park('etcd', RUN));
      for (const machine of NAMES) await eventually(async () => !(await plane.isRunning(machine)), SOON, `${machine} is stopped`);
      for (const machine of NAMES)
        await plane.does(machine, { title: 'put data aside', script: 'mv /var/lib/etcd/member /var/lib/lattice-dr-member', args: [] });

      const member = { name: seed.name, peerUrl: seed.peerUrls[0]! };
      const token = 'lattice-dr-test';
      const request: RestoreRequest = {
        runId: RUN,
        etcdutl: findServer('etcdutl')!,
        snapshot,
        sha256,
        dataDir: seed.dataDir,
        walDir: undefined,
        member,
        token,
      };
      const machine = await plane.machine('cp-1');
      expect(await machine.job({ ...restoreCommand(request), key: 'restore', signal })).toMatchObject({ exitCode: 0 });
      expect(await plane.ask('cp-1', restoreState(request))).toBe('ready');
      await plane.does('cp-1', installCommand(request));
      expect(await plane.ask('cp-1', restoreState(request))).toBe('installed');
      await plane.does('cp-1', plane.preset.unpark('etcd', RUN));
      await eventually(async () => (await ctl('endpoint', 'health')).exitCode === 0, SOON, 'the seed leads itself');
      const own = memberIdOf([member.peerUrl], token);
      const { stdout } = await ctl('endpoint', 'status', '-w', 'json');
      expect(stdout).toContain(`"cluster_id":${clusterIdOf([own])},"member_id":${own}`);
      expect((await ctl('get', 'key', '--print-value-only')).stdout).toBe('kept\n');

      const joined = [member];
      for (const joiner of ['cp-2', 'cp-3'] as const) {
        const next = { name: joiner, peerUrl: all.get(joiner)!.peerUrls[0]! };
        joined.push(next);
        await eventually(
          async () => (await ctl('member', 'add', joiner, '--learner', `--peer-urls=${next.peerUrl}`)).exitCode === 0,
          SOON,
          'a learner is added',
        );
        const { parked } = await plane.ask(joiner, plane.preset.definitions(RUN));
        await plane.write(joiner, plane.preset.join(parked.get('etcd')!, joined));
        await plane.does(joiner, plane.preset.unpark('etcd', RUN));
        const id = (await ctl('member', 'list')).stdout
          .split('\n')
          .find((line) => line.includes(next.peerUrl))!
          .split(',')[0]!;
        await eventually(async () => (await ctl('member', 'promote', id)).exitCode === 0, SOON, `${joiner} votes`);
      }
      // It votes before it knows that it does.
      const read = async (): Promise<string> => (await plane.etcdctl('cp-3', all.get('cp-3')!, 'get', 'key', '--print-value-only')).stdout;
      await eventually(async () => (await read()) === 'kept\n', SOON, 'the last one has it too');
      expect(
        (await ctl('member', 'list')).stdout
          .trimEnd()
          .split('\n')
          .map((line) => line.split(', ').at(-1)),
      ).toEqual(['false', 'false', 'false']);
    });
  },
);

describe.skipIf(missing !== '')('a manifest that somebody copied', { timeout: 3 * SOON }, () => {
  it('is told, because etcd goes on by it', async () => {
    await using plane = new Plane(kubeadmPreset(), await TestNodes.create({ count: 1, etcdOnly: true }));
    await plane.does('cp-1', { title: 'copy', script: 'cp /etc/kubernetes/manifests/etcd.yaml /etc/kubernetes/manifests/etcd.yaml.bak', args: [] });
    await plane.does('cp-1', plane.preset.park('etcd', RUN));
    const { strays, inPlace } = await plane.ask('cp-1', plane.preset.definitions(RUN));
    expect(strays).toEqual([{ component: 'etcd', path: '/etc/kubernetes/manifests/etcd.yaml.bak' }]);
    expect(inPlace.has('etcd')).toBe(false);
  });
});
