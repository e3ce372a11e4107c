import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { memberOf, preparedFor } from './etcd-member.ts';
import { StepBench } from './step-harness.ts';

const source = {
  kind: 'backup',
  path: '/backup.db',
  sha256: 'ab',
  revision: '7',
  takenAt: '2026-03-01T02:00:00.000Z',
  verdict: 'proven',
  levels: [],
  passedOver: [],
};
const alive = { clusterId: '1', memberId: '1', revision: '7', version: '3.6.16', hasLeader: false };

describe('etcd/confirm', () => {
  it('shows which machine has data that nobody has looked at, as it may be newer than what is restored', async () => {
    const members: readonly JsonObject[] = [{ ...memberOf('cp-1'), alive }, memberOf('cp-2'), { ...memberOf('cp-3'), hasData: false }];
    const controlPlane = { distribution: 'kubeadm', nodes: members.map((member) => ({ name: member['node'] ?? '', address: '10.0.0.11' })) };
    const shown = await new StepBench().plan('etcd/confirm', { controlPlane, plane: { members: [...members] }, prepared: preparedFor('cp-1'), source });
    const unseen = shown.filter(({ subject }) => subject.includes('nobody knows how new'));
    expect(unseen).toEqual([
      {
        verb: 'delete',
        subject: 'what cp-2 has, of which nobody knows how new it is',
        note: 'its etcd does not answer; if it can be started, decline and start it: what it has is then saved and counted',
      },
    ]);
    expect(shown).toContainEqual({
      verb: 'delete',
      subject: 'everything written after revision 7',
      note: 'the snapshot was taken at 2026-03-01T02:00:00.000Z',
    });
  });
});
