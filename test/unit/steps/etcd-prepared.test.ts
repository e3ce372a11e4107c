import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { fencedWith } from '../../../src/steps/etcd/fence-schema.ts';
import { requirePrepared } from '../../../src/steps/etcd/prepared-file.ts';
import { memberOf } from './etcd-member.ts';
import { StepBench, stepOf } from './step-harness.ts';

const SHA256 = 'a'.repeat(64);

function inputOf(path: string, paused: readonly string[] = []): JsonObject {
  return {
    controlPlane: { distribution: 'kubeadm', nodes: ['cp-1', 'cp-2'].map((name) => ({ name, address: '10.0.0.11' })) },
    plane: { members: [memberOf('cp-1'), memberOf('cp-2')] },
    prepared: {
      path,
      sha256: SHA256,
      sizeBytes: 3,
      hashKv: { hash: 1, revision: '9', compactRevision: '7' },
      objects: 1,
      sourceRevision: '5',
      changes: { paused: [...paused], unpaused: [], alarms: [], leases: 0, masterLeases: 0 },
      seed: { node: 'cp-1', name: 'cp-1', peerUrl: 'https://10.0.0.11:2380', joining: ['cp-2'] },
      identity: { token: 'token', memberId: '1', clusterId: '2' },
    },
    attestedDead: [],
    fenced: { proofs: [], poweredOff: [] },
  };
}

/** Machines whose old data is aside, and on which nothing runs; `cp-2` may be as somebody has switched it on again. */
function machines({ restore = 'absent', hash = '', isBack = false }: { readonly restore?: string; readonly hash?: string; readonly isBack?: boolean } = {}) {
  const bench = new StepBench();
  for (const name of ['cp-1', 'cp-2']) {
    const machine = bench.nodes.machine(name);
    const isOld = isBack && name === 'cp-2';
    machine.on('see what was put aside', () => (isOld ? 'none\n' : 'aside member /var/lib/lattice-dr/kept\n'));
    for (const component of ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-vip', 'etcd']) {
      machine.on(`see whether ${component} runs`, () => '');
      machine.on(`see whether ${component} is put aside`, () => (isOld && component === 'etcd' ? 'in-place' : 'absent'));
    }
    machine.on('see how far the restore into /var/lib/etcd has come', () => restore);
    machine.on('look for the prepared snapshot', () => hash);
    machine.on('look for the note opened', () => '');
    machine.on('see whether port 6443 is closed to other machines', () => 'nft');
  }
  return bench;
}

describe('a run that goes on elsewhere', () => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-prepared-'));
    await writeFile(join(folder, 'here.db'), 'abc');
  });
  afterAll(async () => await rm(folder, { recursive: true, force: true }));

  async function required(name: string, bench: StepBench): Promise<void> {
    const input = fencedWith.parse(inputOf(join(folder, name)));
    await requirePrepared(bench.context(input), input.prepared);
  }

  it('says that it needs the snapshot it had prepared, by its hash, and that it can be taken back', async () => {
    await expect(required('gone.db', machines())).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      kind: 'invalid',
      message: expect.stringContaining(`${join(folder, 'gone.db')}, which this run has prepared, is not on this machine, and cp-1 does not have it yet`),
      suggestions: [expect.stringContaining(`its SHA-256 is ${SHA256}`), expect.stringMatching(/lattice-dr rollback workload-/)],
    });
  });

  it.each<readonly [how: string, name: string, bench: () => StepBench]>([
    ['it was brought here', 'here.db', () => machines()],
    ['the machine has it already', 'gone.db', () => machines({ hash: `${SHA256}  -` })],
    ['it has been restored', 'gone.db', () => machines({ restore: 'ready' })],
    ['it has been installed', 'gone.db', () => machines({ restore: 'installed' })],
  ])('goes on when %s', async (_how, name, bench) => {
    await required(name, bench());
  });
});

describe('etcd/open', () => {
  it('is refused when an old member has come back since, and nothing is opened', async () => {
    const bench = machines({ isBack: true });
    const result = await bench.run('etcd/open', inputOf('/prepared.db'));
    expect(stepOf(result).error ?? result.error).toMatchObject({ code: 'FENCE_NOT_PROVEN', details: { nodes: ['cp-2'] } });
    expect(bench.nodes.machine('cp-1').ran).not.toContain('note opened');
  });

  it('says before it opens which Clusters stay paused', async () => {
    const bench = machines();
    let [opened, isolation] = ['', 'nft'];
    bench.nodes
      .machine('cp-1')
      .on('note opened', () => (opened = 'now'))
      .on('look for the note opened', () => opened)
      .on('open port 6443 to other machines', () => (isolation = 'none'))
      .on('see whether port 6443 is closed to other machines', () => isolation);
    const result = await bench.run('etcd/open', inputOf('/prepared.db', ['default/east']));
    expect(result).toMatchObject({ state: 'succeeded', holds: [{ id: 'cluster-api/default/east', kind: 'cluster-api' }] });
    const types = (await bench.journal()).map(({ type }) => type);
    expect(types.indexOf('held')).toBeLessThan(types.indexOf('effect-intent'));
  });
});
