import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { memberOf, preparedFor } from './etcd-member.ts';
import { StepBench } from './step-harness.ts';

const CLOSE = 'close port 6443 to other machines';
const OPENED = '2026-11-21T03:15:00Z\n';
const READ_API = 'read the kubeconfig of administrators';
const INPUT: JsonObject = {
  controlPlane: { distribution: 'kubeadm', nodes: [{ name: 'cp-1', address: '10.0.0.11' }] },
  plane: { members: [memberOf('cp-1')] },
  prepared: preparedFor('cp-1', ['default/east']),
  fenced: { proofs: [], poweredOff: [] },
};

/** Titles of what a step runs on the first machine, with the note there that the API server was opened, or without it (empty). */
async function runs(uses: string, opened: string): Promise<readonly string[]> {
  const bench = new StepBench();
  const machine = bench.nodes.machine('cp-1');
  machine.on('look for the note opened', () => opened);
  machine.on('see whether port 6443 is closed to other machines', () => 'none');
  machine.on(CLOSE, () => 'nft');
  machine.on(READ_API, () => ({ exitCode: 4, stdout: '', stderr: '' }));
  await bench.run(uses, INPUT);
  return machine.ran;
}

describe('etcd/scrub', () => {
  it('pauses Clusters before the API server is opened', async () => {
    expect(await runs('etcd/scrub', '')).toContain(READ_API);
  });

  it('pauses none after that: the run may have unpaused them already', async () => {
    expect(await runs('etcd/scrub', OPENED)).not.toContain(READ_API);
  });
});

describe('etcd/controllers', () => {
  it('closes the API server again that a restarted machine has opened', async () => {
    expect(await runs('etcd/controllers', '')).toContain(CLOSE);
  });

  it('leaves one open that the run has opened', async () => {
    expect(await runs('etcd/controllers', OPENED)).not.toContain(CLOSE);
  });
});
