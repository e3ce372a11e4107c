import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createEtcds } from '../../src/adapters/etcd/etcds.ts';
import { DrError } from '../../src/errors/dr-error.ts';
import { kubeadmPreset } from '../../src/etcd/presets/kubeadm.ts';
import { parseStaticPod } from '../../src/etcd/presets/static-pod.ts';
import type { Etcds } from '../../src/ports/etcd.ts';
import { type JoinCtx, join } from '../../src/steps/etcd/join.ts';
import type { PlaneNode } from '../../src/steps/etcd/plane.ts';
import type { PlaneMember } from '../../src/steps/etcd/plane-schema.ts';
import { FakeNodes } from '../fakes/fake-nodes.ts';
import type { EtcdMembers, Member } from './etcd-members.ts';

const RUN = 'workload-20261130T030000Z-0001';

/** A machine in memory whose etcd is a real one: its kubelet starts what its manifest says, once that is put back. */
export class JoiningMachine {
  readonly #members: EtcdMembers;
  readonly #nodes = new FakeNodes();
  readonly #own: Member;
  /** Flags of the manifest that `join` wrote. */
  flags: readonly string[] = [];

  constructor(members: EtcdMembers, own: Member, others: readonly Member[]) {
    this.#members = members;
    this.#own = own;
    const { name, dataDir, peerUrl, url } = own;
    const preset = kubeadmPreset();
    const parked = preset.parkedFile('etcd', RUN);
    const manifest = JSON.stringify({
      kind: 'Pod',
      metadata: { name: 'etcd' },
      spec: { containers: [{ image: 'etcd', command: ['etcd', `--name=${name}`, `--initial-cluster=${name}=${peerUrl}`, `--listen-client-urls=${url}`] }] },
    });
    const machine = this.#nodes.machine(name);
    machine.files.set(parked, { bytes: Buffer.from(manifest), mode: 0o600 });
    const text = (): string => Buffer.from(machine.files.get(parked)?.bytes ?? []).toString();
    let isBack = false;
    machine.on(`put what is left in ${dataDir} out of the way`, () => '');
    machine.on('read the manifests', () => `file parked ${[parked, text()].map((part) => Buffer.from(part).toString('base64')).join(' ')}\n`);
    machine.on('see whether etcd is put aside', () => (isBack ? 'in-place' : 'parked'));
    machine.on('put the manifest of etcd back', async () => {
      this.flags = parseStaticPod({ path: parked, text: text() }).command;
      await members.start(own, { cluster: [...others, own], state: 'existing' });
      isBack = true;
      return '';
    });
    machine.on('see whether etcd runs', () => (isBack ? 'process 1\nlisten 094B\n' : ''));
  }

  /** Joins as `etcd/grow` and `etcd/replace` have it. `losePromotion`: it is done, and its answer does not arrive. */
  async join(leader: Member, { losePromotion = false }: { readonly losePromotion?: boolean } = {}): Promise<void> {
    const node = await this.#nodeOf(this.#own);
    const ctx = {
      run: { id: RUN },
      with: { controlPlane: { distribution: 'kubeadm', nodes: [] }, plane: { members: [], servers: [] } },
      ports: { etcds: losePromotion ? losingPromotions(createEtcds()) : createEtcds() },
      clock: systemClock,
      signal: this.#members.signal,
      progress: () => undefined,
      effect: async ({ check, run }: { check: () => Promise<{ state: string; result?: unknown }>; run: (signal: AbortSignal) => Promise<unknown> }) => {
        const found = await check();
        return found.state === 'done' ? found.result : await run(this.#members.signal);
      },
    } as unknown as JoinCtx;
    await join({ node, member: memberOf(this.#own), leader: { node: await this.#nodeOf(leader), member: memberOf(leader) } }, ctx);
  }

  async #nodeOf({ name }: Member): Promise<PlaneNode> {
    return { name, address: '127.0.0.1', preset: kubeadmPreset(), hasEtcd: true, machine: await this.#nodes.open({ name, host: name }) };
  }
}

function losingPromotions(etcds: Etcds): Etcds {
  return {
    open: async (ref) => {
      const etcd = await etcds.open(ref);
      const promote = etcd.promote.bind(etcd);
      return Object.assign(etcd, {
        promote: async (id: string, signal: AbortSignal) => {
          await promote(id, signal);
          throw new DrError({ code: 'ETCD_UNAVAILABLE', message: 'the answer was lost' });
        },
      });
    },
  };
}

function memberOf({ name, url, peerUrl, dataDir }: Member): PlaneMember {
  return { node: name, address: '127.0.0.1', name, peerUrl, endpoint: url, dataDir, hasData: false, components: ['etcd'], securePort: 6443 };
}
