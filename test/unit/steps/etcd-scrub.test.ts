import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { memberOf } from './etcd-member.ts';
import { StepBench } from './step-harness.ts';

const READ_API = 'read the kubeconfig of administrators';
const INPUT: JsonObject = {
  controlPlane: { distribution: 'kubeadm', nodes: [{ name: 'cp-1', address: '10.0.0.11' }] },
  plane: { members: [memberOf('cp-1')] },
  prepared: {
    path: '/runs/prepared.db',
    sha256: 'ab',
    sizeBytes: 1,
    hashKv: { hash: 1, revision: '1', compactRevision: '1' },
    objects: 1,
    sourceRevision: '1',
    changes: { paused: [], unpaused: ['default/east'], alarms: [], leases: 0, masterLeases: 0 },
    seed: { node: 'cp-1', name: 'cp-1', peerUrl: 'https://10.0.0.11:2380', joining: [] },
    identity: { token: 'new', memberId: '1', clusterId: '2' },
  },
  fenced: { proofs: [], poweredOff: [] },
};

/** Whether the step looks for Clusters that it would pause. */
async function looks(opened: string): Promise<boolean> {
  const bench = new StepBench();
  const machine = bench.nodes.machine('cp-1');
  machine.on('look for the note opened', () => opened);
  machine.on(READ_API, () => ({ exitCode: 4, stdout: '', stderr: '' }));
  await bench.run('etcd/scrub', INPUT);
  return machine.ran.includes(READ_API);
}

describe('etcd/scrub', () => {
  it('pauses Clusters before the API server is opened', async () => {
    expect(await looks('')).toBe(true);
  });

  it('pauses none after that: the run may have unpaused them already', async () => {
    expect(await looks('2026-11-21T03:15:00Z\n')).toBe(false);
  });
});
