import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { systemRandom } from '../../src/adapters/clock/system-random.ts';
import { createEtcds } from '../../src/adapters/etcd/etcds.ts';
import { createScratchEtcds } from '../../src/adapters/etcd/scratch-etcd.ts';
import { createLocalFiles } from '../../src/adapters/fs/local-files.ts';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { rke2RestorePlan } from '../../src/operations/rke2-restore.ts';
import type { PlaceWork } from '../../src/operations/snapshot-places.ts';
import { rke2RestoreView } from '../../src/report/rke2-view.ts';
import { loadRecoveryPlan } from '../../src/runbook/load-plan.ts';
import { saveSnapshot } from '../../src/steps/etcd/take-snapshot.ts';
import { FakeNodes } from '../fakes/fake-nodes.ts';
import { EtcdMembers } from '../traps/etcd-members.ts';
import { findServer, missingServers } from './servers.ts';

const missing = missingServers(['etcd', 'etcdutl']);
const BINARIES = dirname(findServer('etcdutl') ?? '');
const LOOK = 'read how rke2 is set up';
/** What a server says that was told whom to join. */
const JOINED = `config ${btoa('/etc/rancher/rke2/config.yaml')} ${btoa('server: https://10.0.0.11:9345\n')}\ntoken aa\nmember\n`;
const OBJECTS = ['namespaces/default', 'namespaces/kube-system', 'services/specs/default/kubernetes'];

describe.skipIf(missing.length > 0)(`the printed restore of rke2${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`, () => {
  const signal = AbortSignal.timeout(60_000);
  const files = createLocalFiles();
  const scratch = createScratchEtcds({ processes: createProcesses({ env: process.env }), clock: systemClock, random: systemRandom });
  const snapshots = { files, etcds: createEtcds(), scratch, clock: systemClock, tool: 'test', signal, onProgress: () => undefined };
  let members: EtcdMembers;
  let nodes: FakeNodes;
  let snapshot = '';

  const ask = async (out: string, changes: { readonly seed?: string; readonly distribution?: string; readonly clusterUid?: string } = {}) => {
    const { seed, distribution = 'rke2', clusterUid = 'namespaces/kube-system' } = changes;
    const controlPlane = { distribution, nodes: ['cp-1', 'cp-2', 'cp-3'].map((name, index) => ({ name, address: `10.0.0.1${index + 1}` })) };
    const cluster = { name: 'east', provisioner: 'existing', existing: { kubeconfig: { file: '/none' } } };
    const spec = { cluster, specs: { git: { repository: '/none', ref: 'main', paths: ['.'] } }, controlPlane, objectives: { rto: '40m', rpo: '1h' } };
    const text = JSON.stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'RecoveryPlan', metadata: { name: 'east' }, spec });
    const tools = { plan: loadRecoveryPlan({ file: 'plan.json', text }), ports: { nodes, localFiles: files }, clock: systemClock, signal, snapshots };
    const request = { snapshot, out: join(members.folder, out), seed, clusterUid, binaries: BINARIES, planned: undefined, nonce: '0a1b' };
    return await rke2RestorePlan(request, tools as unknown as PlaceWork);
  };

  beforeAll(async () => {
    members = await EtcdMembers.open('rke2');
    const lost = await members.place('lost');
    await members.start(lost);
    const etcd = await members.etcd(lost);
    for (const key of OBJECTS) {
      await etcd.put({ key: `/registry/${key}`, value: Buffer.from(JSON.stringify({ metadata: { uid: key } })), ifRevision: '0' }, signal);
    }
    snapshot = join(members.folder, 'taken.db');
    await saveSnapshot({ path: snapshot, binaries: BINARIES, endpoints: [{ endpoint: lost.url }] }, snapshots);
    await members.kill(lost);
    nodes = new FakeNodes();
    nodes.machine('cp-1').on(LOOK, () => 'token aa\nmember\n');
    nodes.machine('cp-2').on(LOOK, () => JOINED);
    nodes.machine('cp-3').powerOff();
  });
  afterAll(async () => await members[Symbol.asyncDispose]());

  it('comes with a snapshot whose revision is raised, and tells what it was never tried on and who did not answer', async () => {
    const plan = await ask('prepared.db');
    const text = rke2RestoreView(plan);
    expect(BigInt(plan.prepared.hashKv.revision)).toBeGreaterThan(1_000_000_000n);
    expect(text).toContain('None of it was ever run on a real rke2');
    expect(text).toMatch(/NOT SEEN: cp-3: .*switch it off/);
    expect(text).toContain(`0. on cp-1: copy ${join(members.folder, 'prepared.db')} to ${plan.target.path}`);
    expect(text).toContain(`--cluster-reset-restore-path=${plan.target.path}`);
    expect(text).not.toContain('DO NOT BEGIN');
    expect(new Set(nodes.machine('cp-1').ran)).toEqual(new Set([LOOK]));
  });

  it('names the file that sets the seed to join, when another one is chosen', async () => {
    const { steps } = await ask('prepared-2.db', { seed: 'cp-2' });
    expect(steps.find(({ title }) => title.includes('server: out'))).toMatchObject({
      node: 'cp-2',
      commands: [expect.stringMatching(/cp -p \/etc\/rancher\/rke2\/config\.yaml /), expect.stringMatching(/^sed .* \/etc\/rancher\/rke2\/config\.yaml$/)],
    });
  });

  it('is not to be begun when servers have different tokens', async () => {
    nodes.machine('cp-2').on(LOOK, () => 'token bb\nmember\n');
    const plan = await ask('prepared-3.db');
    expect(plan.objections).toEqual([expect.stringContaining('different tokens')]);
    nodes.machine('cp-2').on(LOOK, () => JOINED);
  });

  it.each<readonly [what: string, changes: NonNullable<Parameters<typeof ask>[1]>, code: string]>([
    ['a plan of another distribution', { distribution: 'kubeadm' }, 'USAGE'],
    ['a seed that does not answer', { seed: 'cp-3' }, 'CONTROL_PLANE_NOT_READY'],
    ['a snapshot of another cluster', { clusterUid: 'other' }, 'SNAPSHOT_NOT_PROVEN'],
  ])('is refused for %s, and writes nothing', async (_what, changes, code) => {
    await expect(ask('never.db', changes)).rejects.toMatchObject({ code });
    expect(await files.exists(join(members.folder, 'never.db'))).toBe(false);
  });
});
