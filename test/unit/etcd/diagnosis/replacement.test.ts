import { describe, expect, it } from 'vitest';
import { diagnose } from '../../../../src/etcd/diagnosis/diagnose.ts';
import type { ControlPlaneFacts, ListedMember } from '../../../../src/etcd/diagnosis/facts.ts';
import { replacementOf } from '../../../../src/etcd/diagnosis/replacement.ts';
import { answer, facts, mute, node } from './corpus.ts';

const NODES = ['cp-1', 'cp-2', 'cp-3'];
const MEMBERS = facts().members ?? [];
const LEFT: ListedMember = { id: '777', name: '', peerUrls: ['https://cp-3:2380'], isLearner: true };

const decide = (seen: ControlPlaneFacts, wanted?: string, nodes = NODES) =>
  replacementOf({ facts: seen, diagnosis: diagnose(seen), machines: nodes.map((name) => ({ node: name, name, peerUrl: `https://${name}:2380` })), wanted });
const refusal = (...args: Parameters<typeof decide>) => {
  const found = decide(...args);
  return 'refused' in found ? found.refused : '';
};
const third = (changes: Parameters<typeof mute>[1]): ControlPlaneFacts => facts({ nodes: [node('cp-1'), node('cp-2'), mute('cp-3', changes)] });

describe('the one member that is replaced', () => {
  it('is the one whose data is gone', () => {
    expect(decide(third({ data: 'absent' }))).toEqual({ node: 'cp-3', remove: [{ id: '103', name: 'cp-3' }], others: ['cp-1', 'cp-2'], members: 3 });
  });

  it('is none whose data is there, unless a person names it: starting it is less', () => {
    expect(refusal(third({ data: 'intact' }))).toContain('cp-3 has its data, so start it again');
    expect(decide(third({ data: 'intact' }), 'cp-3')).toMatchObject({ node: 'cp-3', remove: [{ id: '103' }] });
  });

  it.each(['silent', 'gone'] as const)('is put on no machine that is %s', (reach) => {
    expect(refusal(third({ reach, data: 'unknown' }))).toContain('cp-3 does not answer');
    expect(refusal(third({ reach, data: 'unknown' }), 'cp-3')).toContain('cp-3 does not answer');
  });

  it('is followed by one on the machine that has come in its place under another name', () => {
    const seen = facts({ nodes: [node('cp-1'), node('cp-2'), mute('cp-4', { data: 'absent' })] });
    expect(decide(seen, undefined, ['cp-1', 'cp-2', 'cp-4'])).toMatchObject({ node: 'cp-4', remove: [{ id: '103', name: 'cp-3' }], members: 3 });
    expect(refusal(facts({ nodes: [node('cp-1'), node('cp-2')] }), undefined, ['cp-1', 'cp-2'])).toContain('no machine of the plan can take the place of cp-3');
  });

  it('was never started, and is cleared away with the place it was to take', () => {
    const seen = facts({ nodes: [node('cp-1'), node('cp-2'), mute('cp-3', { data: 'absent' })], members: [...MEMBERS.slice(0, 2), LEFT] });
    expect(decide(seen)).toEqual({ node: 'cp-3', remove: [{ id: '777', name: '' }], others: ['cp-1', 'cp-2'], members: 3 });
  });

  it('is not removed when it is a learner that follows the leader: it is promoted', () => {
    const learner = { ...LEFT, id: '103', name: 'cp-3' };
    const seen = facts({
      nodes: [node('cp-1'), node('cp-2'), node('cp-3', { member: answer('cp-3', { isLearner: true }) })],
      members: [...MEMBERS.slice(0, 2), learner],
    });
    expect(decide(seen)).toEqual({ node: 'cp-3', remove: [], others: ['cp-1', 'cp-2'], members: 3 });
  });

  it('is one of several only by name, and never before a learner of another one', () => {
    const five = ['cp-1', 'cp-2', 'cp-3', 'cp-4', 'cp-5'];
    const more = ['cp-4', 'cp-5'].map((name) => ({ id: `10${name.slice(3)}`, name, peerUrls: [`https://${name}:2380`], isLearner: false }));
    const nodes = five.map((name) => (name === 'cp-4' || name === 'cp-5' ? mute(name, { data: 'absent' }) : node(name)));
    const seen = facts({ nodes, members: [...MEMBERS, ...more] });
    expect(refusal(seen, undefined, five)).toContain('cp-4, cp-5: one is replaced at a time');
    expect(decide(seen, 'cp-5', five)).toMatchObject({ node: 'cp-5', remove: [{ id: '105' }], members: 5 });
    expect(refusal(seen, 'cp-1', five)).toContain('the member of cp-1 is well');
    const blocked = facts({ nodes, members: [...MEMBERS, ...more.slice(0, 1), { ...LEFT, peerUrls: ['https://cp-5:2380'] }] });
    expect(refusal(blocked, 'cp-4', five)).toContain('cp-5 has a learner');
  });

  it.each([
    ['nothing is wrong', facts(), 'leave-alone'],
    [
      'quorum is gone',
      facts({ nodes: [node('cp-1', { member: answer('cp-1', { leader: '0' }) }), mute('cp-2', { data: 'absent' }), mute('cp-3', { data: 'absent' })] }),
      'restore-etcd',
    ],
    [
      'an alarm stops the cluster',
      third({ data: 'absent' }).nodes.map((one, index) => (index === 0 ? node('cp-1', { member: answer('cp-1', { alarms: ['NOSPACE'] }) }) : one)),
      'NOSPACE',
    ],
  ] as const)('is none when %s: the verdict says what to do instead', (_what, seen, words) => {
    expect(refusal('nodes' in seen ? seen : facts({ nodes: seen }))).toContain(words);
  });
});
