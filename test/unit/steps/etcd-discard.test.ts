import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { memberOf } from './etcd-member.ts';
import { StepBench, stepOf } from './step-harness.ts';

function leading(node: string, clusterId: string): JsonObject {
  return { ...memberOf(node), alive: { clusterId, memberId: '1', revision: '7', version: '3.6.16', hasLeader: true } };
}

const saved = [{ node: 'cp-1', path: '/saved/cp-1.db', sha256: 'a'.repeat(64), revision: '7', clusterId: '1' }];

/** As the runbook has it. */
const gate = { attest: 'discard-live-state', reason: 'etcd lives' };
const typed = (text: string) => ({ gate, decisions: { attest: { step: text } } });

function inputOf(members: readonly JsonObject[], kept = saved): JsonObject {
  const controlPlane = { distribution: 'kubeadm', nodes: members.map(({ node }) => ({ name: node ?? '', address: '10.0.0.11' })) };
  return { controlPlane, plane: { members: [...members] }, saved: kept };
}

async function discard(members: readonly JsonObject[]) {
  return await new StepBench().run('etcd/discard', inputOf(members));
}

describe('etcd/discard', () => {
  it('is refused until the words are typed', async () => {
    const { error } = await discard([leading('cp-1', '1'), leading('cp-2', '1')]);
    expect(error).toMatchObject({ code: 'ETCD_QUORUM', message: expect.stringContaining("'discard-live-state' was not typed") });
  });

  it('waits for the words, asks again after others, however often, and then takes them', async () => {
    const bench = new StepBench();
    expect((await bench.run('etcd/discard', inputOf([leading('cp-1', '1')]), { gate })).error).toMatchObject({ code: 'GATE_WAITING' });
    for (const text of ['yes, discard it', 'yes, discard it', 'discard live state'])
      expect((await bench.resume(typed(text))).error).toMatchObject({ code: 'GATE_WAITING' });
    const asked = (await bench.journal()).filter((entry) => entry.type === 'gate-asked').at(-1);
    expect(asked).toMatchObject({ changes: [{ verb: 'delete' }, {}, {}, { note: "3: 'discard live state' was typed" }] });
    const ended = await bench.resume(typed('discard-live-state'));
    expect(ended.error).toBeUndefined();
    expect(stepOf(ended).outputs).toMatchObject({ by: 'ops' });
  });

  it('is refused, words or not, where nothing of what lives was saved', async () => {
    const bench = new StepBench();
    const { error } = await bench.run('etcd/discard', inputOf([leading('cp-1', '1')], []), typed('discard-live-state'));
    expect(error).toMatchObject({ code: 'ETCD_QUORUM', message: expect.stringContaining('nothing of what lives could be saved') });
  });

  it('is refused where two clusters take writes, before anybody is asked for words', async () => {
    const { error } = await discard([leading('cp-1', '1'), leading('cp-2', '2')]);
    expect(error).toMatchObject({ code: 'ETCD_QUORUM', message: expect.stringContaining('two clusters have a leader each (1, 2)') });
  });
});
