import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DIAGNOSIS_RULES, type Diagnosis, diagnose } from '../../../../src/etcd/diagnosis/diagnose.ts';
import type { ControlPlaneFacts, MemberAnswer, NodeFacts } from '../../../../src/etcd/diagnosis/facts.ts';
import { answer, CORPUS, facts, mute, node } from './corpus.ts';

const cases = CORPUS.flatMap(({ twin, ...row }) => [row, twin]);

/** Paths at which two values differ, down to the smallest part; a member that comes or goes is one. */
function differences(a: unknown, b: unknown, path = ''): readonly string[] {
  if (Object.is(a, b)) return [];
  const isPair = typeof a === 'object' && typeof b === 'object' && a !== null && b !== null && Array.isArray(a) === Array.isArray(b);
  if (!isPair || (Array.isArray(a) && a.length !== (b as unknown[]).length)) return [path];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => differences((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`));
}

describe('the decision table', () => {
  it.each(CORPUS)('$name: $verdict, by $rule', ({ facts: seen, verdict, rule, source }) => {
    const diagnosis = diagnose(seen);
    expect({ verdict: diagnosis.verdict, rule: diagnosis.rule.id }).toEqual({ verdict, rule });
    expect(source).not.toBe('');
    expect(diagnosis.evidence.length).toBeGreaterThan(0);
    expect(diagnosis.action).not.toBe('');
  });

  it.each(CORPUS)('$name; but $twin.name: $twin.verdict', ({ twin }) => {
    const diagnosis = diagnose(twin.facts);
    expect({ verdict: diagnosis.verdict, rule: diagnosis.rule.id }).toEqual({ verdict: twin.verdict, rule: twin.rule });
  });

  it('has a case, and a twin of another verdict, for every rule', () => {
    expect(DIAGNOSIS_RULES.map(({ id }) => id).filter((id) => !CORPUS.some(({ rule }) => rule === id))).toEqual([]);
    for (const { name, facts: seen, verdict, twin } of CORPUS) {
      expect(twin.verdict, name).not.toBe(verdict);
      const changed = new Set(differences(seen, twin.facts).map((path) => path.split('.').slice(0, 3).join('.')));
      expect(changed.size, `${name}: ${[...changed].join(', ')}`).toBe(1);
    }
  });

  it.each(DIAGNOSIS_RULES.map(({ id }) => id))('without the rule %s some case is told something else to do', (id) => {
    const others = DIAGNOSIS_RULES.filter((rule) => rule.id !== id);
    const advice = ({ verdict, action }: Diagnosis) => `${verdict}: ${action}`;
    const red = cases.filter(({ facts: seen }) => advice(diagnose(seen, others)) !== advice(diagnose(seen)));
    expect(red.length).toBeGreaterThan(0);
  });

  it('names what each rule rests on', () => {
    for (const { id, source, about } of DIAGNOSIS_RULES) expect(`${source}${about}`.length, id).toBeGreaterThan(40);
    expect(new Set(DIAGNOSIS_RULES.map(({ id }) => id)).size).toBe(DIAGNOSIS_RULES.length);
  });
});

describe('what to do about a trouble', () => {
  const action = (cure: { readonly cure?: string }) =>
    diagnose(facts({ nodes: [node('cp-1', { troubles: [{ kind: 'certificate-ending', detail: 'x', ...cure }] }), node('cp-2'), node('cp-3')] })).action;

  it('is what it says itself, as machines differ, and else the same everywhere', () => {
    expect(action({ cure: 'ask the authority' })).toBe('cp-1: ask the authority');
    expect(action({})).toBe('cp-1: renew its certificates');
  });
});

describe('what a verdict costs', () => {
  it('is nothing when nothing is brought back', () => expect(diagnose(facts()).loss).toEqual({ words: 'nothing' }));

  it('is told in revisions between the newest member and the survivor', () => {
    const survivors = [
      node('cp-1', { member: answer('cp-1', { leader: '0', revision: '990', raftIndex: '1990' }) }),
      mute('cp-2', { data: 'absent' }),
      mute('cp-3', { data: 'absent' }),
    ];
    expect(diagnose(facts({ nodes: survivors, snapshot: { name: 'a', takenAt: '2026-11-30T11:00:00Z', revision: '900', verdict: 'proven' } }))).toMatchObject({
      source: { node: 'cp-1' },
      loss: { revisions: '0' },
    });
  });

  it('is told in time when a snapshot is brought back, against RPO and RTO', () => {
    const nodes = ['cp-1', 'cp-2', 'cp-3'].map((name) => mute(name, { data: 'absent' }));
    const early = diagnose(facts({ nodes, objectives: { rtoMs: 60_000, rpoMs: 60_000 } }));
    expect(early).toMatchObject({ source: { snapshot: 'east.db' }, isWithinRto: false, loss: { ageMs: 1_800_000, isBeyondRpo: true } });
    expect(diagnose(facts({ nodes }))).toMatchObject({ isWithinRto: true, loss: { isBeyondRpo: false } });
  });

  it('the snapshot is taken when it is newer than the survivor', () => {
    const nodes = [
      node('cp-1', { member: answer('cp-1', { leader: '0', revision: '100' }) }),
      mute('cp-2', { data: 'absent' }),
      mute('cp-3', { data: 'absent' }),
    ];
    expect(diagnose(facts({ nodes })).source).toEqual({ snapshot: 'east.db' });
  });
});

const memberArb = (name: string): fc.Arbitrary<MemberAnswer> =>
  fc
    .record({
      leader: fc.constantFrom('0', '101'),
      clusterId: fc.constantFrom('1', '1', '1', '2'),
      revision: fc.constantFrom('900', '1000'),
      isLearner: fc.boolean(),
      alarms: fc.constantFrom([], ['NOSPACE'], ['CORRUPT']),
      hashKv: fc.constantFrom({ hash: 1, revision: '9', compactRevision: '8' }, { hash: 2, revision: '9', compactRevision: '8' }),
    })
    .map((changes) => answer(name, changes));
const nodeArb = (name: string): fc.Arbitrary<NodeFacts> =>
  fc
    .record({
      reach: fc.constantFrom('up' as const, 'silent' as const, 'gone' as const),
      data: fc.constantFrom('intact' as const, 'unreadable' as const, 'absent' as const, 'unknown' as const),
      pki: fc.constantFrom('present' as const, 'absent' as const),
      member: fc.option(memberArb(name), { nil: undefined }),
    })
    .map(({ member, reach, ...rest }) => (member === undefined || reach === 'gone' ? mute(name, { reach, ...rest }) : node(name, { reach, ...rest, member })));
const factsArb: fc.Arbitrary<ControlPlaneFacts> = fc
  .record({
    nodes: fc.constantFrom(3, 5).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => nodeArb(`cp-${index + 1}`)))),
    api: fc.constantFrom({ state: 'ok' as const, failing: [] }, { state: 'silent' as const, failing: ['x'] }),
    verdict: fc.constantFrom('proven' as const, 'bad' as const),
    said: fc.record({
      isIdentityNeeded: fc.boolean(),
      isGitIncomplete: fc.boolean(),
      isStateBad: fc.boolean(),
      areObjectsDeleted: fc.boolean(),
      gone: fc.constant([]),
    }),
  })
  .map(({ nodes, api, verdict, said }) => {
    const { members: _members, ...rest } = facts({ nodes, api, said, snapshot: { name: 'a', takenAt: '2026-11-30T11:00:00Z', revision: '950', verdict } });
    return rest;
  });

describe('whatever was seen', () => {
  const isDestructive = ({ verdict }: { readonly verdict: string }) => verdict === 'restore-etcd' || verdict === 'rebuild';

  it('nothing is destroyed while a cluster agrees and is not torn', () => {
    fc.assert(
      fc.property(factsArb, (seen) => {
        const isLed = seen.nodes.some(({ member }) => member !== undefined && member.leader !== '0');
        const diagnosis = diagnose(seen);
        if (isLed && isDestructive(diagnosis)) expect(diagnosis.rule.id).toBe('corrupt-majority');
      }),
      { numRuns: 3_000 },
    );
  });

  it('nothing is destroyed while a majority of disks may come back', () => {
    fc.assert(
      fc.property(factsArb, (seen) => {
        const holders = seen.nodes.filter(({ reach, data, member }) => reach !== 'gone' && (member !== undefined || data === 'intact' || data === 'unknown'));
        const isLed = seen.nodes.some(({ member }) => member !== undefined && member.leader !== '0');
        if (!isLed && holders.length > seen.nodes.length / 2) expect(diagnose(seen).verdict).toBe('repair');
      }),
      { numRuns: 3_000 },
    );
  });

  it('some rule fits, and what is brought back is there', () => {
    fc.assert(
      fc.property(factsArb, (seen) => {
        const { rule, source } = diagnose(seen);
        expect(rule.id).not.toBe('nothing-fits');
        if (source !== undefined && 'node' in source) expect(seen.nodes.find(({ name }) => name === source.node)?.reach).not.toBe('gone');
        if (source !== undefined && 'snapshot' in source) expect(seen.snapshot?.verdict).toBe('proven');
      }),
      { numRuns: 3_000 },
    );
  });
});
