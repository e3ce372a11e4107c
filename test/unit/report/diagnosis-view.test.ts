import { describe, expect, it } from 'vitest';
import { diagnose } from '../../../src/etcd/diagnosis/diagnose.ts';
import type { ControlPlaneFacts } from '../../../src/etcd/diagnosis/facts.ts';
import { diagnosisView } from '../../../src/report/diagnosis-view.ts';
import { answer, facts, mute, node } from '../etcd/diagnosis/corpus.ts';

const view = (seen: ControlPlaneFacts) =>
  diagnosisView({ ...diagnose(seen), cluster: 'east', at: '2026-11-30T12:00:00.000Z', facts: seen, findings: ['cp-2: connection timed out'] });

describe('a diagnosis for people', () => {
  it('says first what to do, then what that rests on, then every machine', () => {
    const silent = mute('cp-2', { reach: 'silent', data: 'unknown', etcd: 'unknown', pki: 'unknown' });
    const lost = mute('cp-3', { data: 'absent', troubles: [{ kind: 'disk-full', detail: '0 bytes are free for etcd' }] });
    const alone = node('cp-1', { member: answer('cp-1', { leader: '0' }) });
    const text = view(facts({ nodes: [alone, silent, lost], api: { state: 'silent', failing: ['cp-1: no answer within 6 s'] } }));
    expect(text.split('\n').map((line) => line.trimEnd())).toEqual([
      'east: REPAIR  (looked at 2026-11-30T12:00:00.000Z)',
      '  do:    switch on, or look at, cp-2; only when a disk is known to be lost, say so (--gone NODE)',
      '  time:  5 to 30 minutes, within the RTO of 1 h 0 min',
      '  lost:  nothing',
      '  rule:  disks-intact: no quorum, but the disks of a majority are there, or nobody knows that they are not',
      expect.stringMatching(/^ {2}from: {2}etcd op-guide/),
      '',
      '  - 2 nodes hold their data or may, and 2 bring quorum back: cp-1, cp-2',
      '  - 0 of 3 voting members follow a leader here, 2 are a majority: there is no quorum',
      '  - snapshot east.db, taken 30 min 0 s ago (2026-11-30T11:30:00Z), is proven',
      '',
      'NODE  SSH     ETCD     LEADER  REVISION  DATA     AUTHORITIES  WRONG',
      'cp-1  up      answers  NONE        1000  intact   present',
      'cp-2  silent  unknown  -              -  unknown  unknown',
      'cp-3  up      stopped  -              -  absent   present      disk-full: 0 bytes are free for etcd',
      '',
      'API: silent: cp-1: no answer within 6 s',
      'not known: cp-2: connection timed out',
      '',
    ]);
  });

  it('says what is lost, and where the objectives are missed', () => {
    const nodes = ['cp-1', 'cp-2', 'cp-3'].map((name) => mute(name, { data: 'absent' }));
    const text = view(facts({ nodes, objectives: { rtoMs: 60_000, rpoMs: 60_000 } }));
    expect(text).toContain('which may be LONGER than the RTO of 1 min');
    expect(text).toContain('everything since 2026-11-30T11:30:00Z (30 min 0 s, MORE than the RPO of 1 min 0 s)');
  });
});
