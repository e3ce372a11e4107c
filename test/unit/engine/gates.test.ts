import { describe, expect, it } from 'vitest';
import type { Gate } from '../../../src/engine/graph-types.ts';
import type { GateAnswer, GateQuestion, Prompter } from '../../../src/engine/prompter.ts';
import { Bench, graphOf, makeThing, node, statesOf } from './run-harness.ts';

const APPROVE: Gate = { reason: 'traffic moves', approve: 1 };
const CONFIRM: Gate = { reason: 'it destroys', confirm: 'cluster' };
const ATTEST: Gate = { reason: 'nobody can prove it', attest: 'the old cluster is off' };

/** A person who gives the same answer each time and whose questions are kept. */
function person(answer: GateAnswer): Prompter & { readonly asked: GateQuestion[] } {
  const asked: GateQuestion[] = [];
  return { asked, ask: async (question) => (asked.push(question), answer), askUnknown: async () => ({ answer: 'unavailable' }) };
}

const gated = (gate: Gate): ReturnType<typeof graphOf> => graphOf([node('a'), node('b', { needs: ['a'], gate }), node('c', { needs: ['b'] }), node('d')]);

describe('a gate', () => {
  it.each([
    ['approve', APPROVE, { answer: 'approved', by: 'ann' }],
    ['confirm', CONFIRM, { answer: 'approved', by: 'ann', typed: 'east' }],
    ['attest', ATTEST, { answer: 'attested', by: 'ann', text: 'I pulled the plug' }],
  ] as const)('of kind %s lets the step pass after its question, which shows what would be done', async (_kind, gate, answer) => {
    const bench = new Bench();
    const prompter = person(answer);
    const result = await bench.start(gated(gate), { prompter });
    expect(result.state).toBe('succeeded');
    expect(prompter.asked).toEqual([
      expect.objectContaining({ step: 'b', cluster: 'east', gate, changes: [{ verb: 'create', subject: 'b' }], shown: expect.stringMatching(/^sha256:/) }),
    ]);
    const lines = (await bench.told(result.run)).filter((line) => line.endsWith(' b'));
    expect(lines).toEqual(['gate-asked b', 'gate-decided b', 'step-observed b', 'step-started b', 'step-succeeded b']);
    expect(result.steps[1]).toMatchObject({ attested: gate === ATTEST });
  });

  it.each([
    ['approve', APPROVE, { approve: ['b'], attest: {} }],
    ['confirm', CONFIRM, { confirm: 'east', approve: [], attest: {} }],
    ['attest', ATTEST, { approve: [], attest: { b: 'I pulled the plug' } }],
  ] as const)('of kind %s takes a decision given beforehand without asking', async (_kind, gate, decisions) => {
    const bench = new Bench();
    const prompter = person({ answer: 'declined', by: 'ann' });
    const result = await bench.start(gated(gate), { prompter, decisions });
    expect([result.state, prompter.asked]).toEqual(['succeeded', []]);
    const { state } = await bench.stored(result.run);
    expect([...state.steps.values()].find((step) => step.id === 'b')?.decisions).toEqual([expect.objectContaining({ by: 'ops', how: 'flag' })]);
  });

  it('hands the statement to the step, with who and when', async () => {
    const bench = new Bench();
    const seen: unknown[] = [];
    bench.add({ ...makeThing, kind: 'test/attested', execute: async (ctx) => (seen.push(...ctx.attestations), ctx.ports.finish('b')) });
    const graph = graphOf([node('b', { uses: 'test/attested', gate: ATTEST })]);
    const result = await bench.start(graph, { decisions: { approve: [], attest: { b: 'off since 2' } } });
    expect(seen).toEqual([{ by: 'ops', at: '2026-03-01T03:00:00.000Z', text: 'off since 2' }]);
    expect(bench.events).toContainEqual(expect.objectContaining({ type: 'step-state', step: 'b', state: 'succeeded', reason: 'attested' }));
    expect(result.steps[0]?.attested).toBe(true);
  });

  it('without terminal and decision ends the run waiting, after everything else has ended, and says what to type', async () => {
    const result = await new Bench().start(gated(APPROVE));
    expect(statesOf(result)).toEqual({ a: 'succeeded', b: 'waiting', c: 'blocked', d: 'succeeded' });
    expect(result).toMatchObject({ state: 'waiting', step: 'b', error: { code: 'GATE_WAITING', kind: 'waiting' } });
    expect(result.error?.suggestions[0]).toBe(`lattice-dr resume ${result.run} --approve 'b'`);
  });

  it.each([
    { what: 'a no', gate: APPROVE, answer: { answer: 'declined', by: 'ann' }, code: 'GATE_DECLINED' },
    { what: 'another name', gate: CONFIRM, answer: { answer: 'approved', by: 'ann', typed: 'west' }, code: 'CLUSTER_NAME_NOT_CONFIRMED' },
    { what: 'no name', gate: CONFIRM, answer: { answer: 'approved', by: 'ann' }, code: 'CLUSTER_NAME_NOT_CONFIRMED' },
    { what: 'an empty statement', gate: ATTEST, answer: { answer: 'attested', by: 'ann', text: ' ' }, code: 'GATE_DECLINED' },
  ] as const)('stops at $what, changes nothing, and asks again on resume', async ({ gate, answer, code }) => {
    const bench = new Bench();
    const result = await bench.start(gated(gate), { prompter: person(answer) });
    expect(result).toMatchObject({ state: 'failed', error: { code, kind: 'declined' } });
    expect(bench.world.finished.has('b')).toBe(false);
    const again = person({ answer: 'unavailable' });
    await bench.resume(result.run, { prompter: again });
    expect(again.asked).toHaveLength(1);
  });

  it('calls an answer of the wrong kind a bug of the prompter', async () => {
    expect((await new Bench().start(gated(ATTEST), { prompter: person({ answer: 'approved', by: 'ann' }) })).error?.code).toBe('BUG');
  });

  it('stands on resume for the same plan, is asked again for another, and not at all for what is done', async () => {
    const bench = new Bench();
    let subject = 'b';
    let broken = true;
    bench.add({
      ...makeThing,
      kind: 'test/planned',
      plan: async () => [{ verb: 'create', subject }],
      execute: async (ctx) => {
        if (broken) throw new Error('not now');
        ctx.ports.finish('b');
      },
    });
    const graph = graphOf([node('b', { uses: 'test/planned', gate: APPROVE }), node('c', { needs: ['b'], with: { fails: true } })]);
    const first = await bench.start(graph, { decisions: { approve: ['b'], attest: {} } });
    expect(first.error?.code).toBe('BUG');

    const same = person({ answer: 'unavailable' });
    await bench.resume(first.run, { prompter: same });
    expect(same.asked).toHaveLength(0);

    subject = 'something else';
    const changed = person({ answer: 'approved', by: 'ann' });
    broken = false;
    const third = await bench.resume(first.run, { prompter: changed });
    expect(statesOf(third)).toEqual({ b: 'succeeded', c: 'failed' });
    expect(changed.asked.map((question) => question.changes[0]?.subject)).toEqual(['something else']);

    subject = 'a third thing';
    const done = person({ answer: 'unavailable' });
    expect(statesOf(await bench.resume(first.run, { prompter: done }))).toEqual({ b: 'succeeded', c: 'failed' });
    expect(done.asked).toHaveLength(0);
  });

  it('is asked about even when the step is done already, as long as nobody has decided', async () => {
    const bench = new Bench();
    bench.world.finish('b');
    expect(statesOf(await bench.start(gated(CONFIRM)))).toMatchObject({ b: 'waiting', c: 'blocked' });
  });

  it('is asked one at a time, holds no slot and no clock', async () => {
    const bench = new Bench();
    let open = 0;
    let most = 0;
    const prompter: Prompter = {
      askUnknown: async () => ({ answer: 'unavailable' }),
      ask: async (_question, signal) => {
        most = Math.max(most, (open += 1));
        await bench.clock.sleep(600_000, signal);
        open -= 1;
        return { answer: 'approved', by: 'ann' };
      },
    };
    const graph = graphOf([node('a', { gate: APPROVE }), node('b', { gate: APPROVE }), node('c', { with: { ms: 1_000 } })]);
    const result = await bench.start(graph, { prompter, concurrency: 1 });
    expect([result.state, most, result.elapsedMs]).toEqual(['succeeded', 1, 1_200_000]);
    expect(bench.events.find((event) => event.type === 'step-state' && event.step === 'c' && event.state === 'succeeded')?.at).toBe('2026-03-01T03:00:01.000Z');
  });

  it('withdraws its question when the run is cancelled', async () => {
    const bench = new Bench();
    const cancel = new AbortController();
    void bench.clock.sleep(1_000).then(() => cancel.abort());
    const prompter: Prompter = {
      askUnknown: async () => ({ answer: 'unavailable' }),
      ask: async (_question, signal) => await bench.clock.sleep(1e9, signal).then(() => ({ answer: 'approved', by: 'x' })),
    };
    const result = await bench.start(gated(APPROVE), { prompter, signal: cancel.signal });
    expect(result.state).toBe('cancelled');
    expect(statesOf(result)).toMatchObject({ b: 'cancelled', c: 'cancelled' });
  });

  it('keeps at most 100 planned changes in the journal, and says how many are left out', async () => {
    const bench = new Bench();
    bench.add({ ...makeThing, kind: 'test/many', plan: async () => Array.from({ length: 250 }, (_, i) => ({ verb: 'create' as const, subject: `${i}` })) });
    const result = await bench.start(graphOf([node('a', { uses: 'test/many', gate: APPROVE })]));
    const { journal } = await bench.stored(result.run);
    const asked = journal.entries.find((entry) => entry.type === 'gate-asked');
    expect([asked?.changes.length, asked?.omitted]).toEqual([100, 150]);
  });

  it('refuses decisions for gates that are not there before anything starts', async () => {
    const bench = new Bench();
    const decisions = { approve: ['a', 'nosuch'], attest: { b: 'x' } };
    const refused = bench.start(gated(APPROVE), { decisions });
    await expect(refused).rejects.toMatchObject({ code: 'USAGE', message: expect.stringMatching(/'a'.*'nosuch'.*'b'/) });
    expect(await bench.store.list('')).toEqual([]);
  });
});
