import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { memberOf } from './etcd-member.ts';
import { StepBench } from './step-harness.ts';

function leading(node: string, clusterId: string): JsonObject {
  return { ...memberOf(node), alive: { clusterId, memberId: '1', revision: '7', version: '3.6.16', hasLeader: true } };
}

const saved = [{ node: 'cp-1', path: '/saved/cp-1.db', sha256: 'a'.repeat(64), revision: '7', clusterId: '1' }];

async function discard(members: readonly JsonObject[]) {
  const controlPlane = { distribution: 'kubeadm', nodes: members.map(({ node }) => ({ name: node, address: '10.0.0.11' })) };
  return await new StepBench().run('etcd/discard', { controlPlane, plane: { members: [...members] }, saved });
}

describe('etcd/discard', () => {
  it('is refused until the words are typed', async () => {
    const { error } = await discard([leading('cp-1', '1'), leading('cp-2', '1')]);
    expect(error).toMatchObject({ code: 'ETCD_QUORUM', message: expect.stringContaining("'discard-live-state' was not typed") });
  });

  it('is refused where two clusters take writes, before anybody is asked for words', async () => {
    const { error } = await discard([leading('cp-1', '1'), leading('cp-2', '2')]);
    expect(error).toMatchObject({ code: 'ETCD_QUORUM', message: expect.stringContaining('two clusters have a leader each (1, 2)') });
  });
});
