import { describe, expect, it } from 'vitest';
import type { Gate } from '../../../src/engine/graph-types.ts';
import type { GateAnswer, GateQuestion, Prompter } from '../../../src/engine/prompter.ts';
import type { RequestBody } from '../../../src/engine/send-request.ts';
import { digestOf } from '../../../src/model/digest.ts';
import { Persons, SIGNATURES } from './operator-harness.ts';
import { graphOf, makeThing, node, statesOf } from './run-harness.ts';

const APPROVE: Gate = { reason: 'traffic moves', approve: 1 };
const TWO: Gate = { reason: 'traffic moves', approve: 2 };
const CONFIRM: Gate = { reason: 'it destroys', confirm: 'cluster' };
const ATTEST: Gate = { reason: 'nobody can prove it', attest: 'the old cluster is off' };
const SIGNED = { approvals: { allowedSigners: { file: 'signers' }, required: true } };
const OTHER = `sha256:${'0'.repeat(64)}` as const;

const gated = (gate: Gate, plan = {}): ReturnType<typeof graphOf> =>
  graphOf([node('a'), node('b', { needs: ['a'], gate }), node('c', { needs: ['b'] })], { plan });
const approve = (shown: `sha256:${string}`, by = 'ann', more: Partial<RequestBody> = {}): RequestBody => ({
  verb: 'approve',
  step: 'b' as never,
  shown,
  by,
  ...more,
});
const withKey = (key: string) => async (text: string) => await SIGNATURES.sign(text, key);

describe('a gate that is answered from another process', () => {
  it.each([
    ['approve', APPROVE, {}, { decision: 'approved' }],
    ['confirm', CONFIRM, { confirm: 'east' }, { decision: 'approved' }],
    ['attest', ATTEST, { attest: 'I pulled the plug' }, { decision: 'attested', text: 'I pulled the plug' }],
  ] as const)('of kind %s lets the step pass, and the journal says by whom', async (...[, gate, words, decided]) => {
    const persons = new Persons();
    const result = await persons.beside(gated(gate), async (run) => {
      const sent = await persons.send(run, approve(await persons.asked(run, 'b'), 'ann', words));
      expect(sent).toMatchObject({ outcome: 'accepted', verb: 'approve', step: 'b', by: 'ann' });
    });
    expect(statesOf(result)).toEqual({ a: 'succeeded', b: 'succeeded', c: 'succeeded' });
    const { journal } = await persons.bench.stored(result.run);
    expect(journal.entries.find((entry) => entry.type === 'gate-decided')).toMatchObject({ ...decided, by: 'ann', how: 'inbox', request: expect.any(String) });
    expect(persons.bench.events).toContainEqual(expect.objectContaining({ type: 'gate', step: 'b', state: 'approved', by: 'ann (unverified)' }));
  });

  it('takes a no from there: the step is not done, who said it is named, and the run ends as declined', async () => {
    const persons = new Persons();
    const result = await persons.beside(gated(APPROVE), async (run) => {
      await persons.send(run, { verb: 'decline', step: 'b' as never, shown: await persons.asked(run, 'b'), by: 'bob', reason: 'the shop is down' });
    });
    const message = expect.stringContaining("declined step 'b': the shop is down (");
    expect(result).toMatchObject({ state: 'failed', step: 'b', error: { code: 'GATE_DECLINED', message } });
    expect(persons.bench.world.finished.has('b')).toBe(false);
  });

  it('takes the prompt away that stands on the terminal of the owner', async () => {
    const persons = new Persons();
    const taken: unknown[] = [];
    const prompter: Prompter = {
      askUnknown: async () => ({ answer: 'unavailable' }),
      ask: async (_question, signal) => {
        const { promise, reject } = Promise.withResolvers<GateAnswer>();
        signal.addEventListener('abort', () => reject(signal.reason));
        return await promise.catch((reason: unknown) => Promise.reject((taken.push(reason), reason)));
      },
    };
    const result = await persons.beside(gated(APPROVE), async (run) => void (await persons.send(run, approve(await persons.asked(run, 'b')))), { prompter });
    expect([result.state, taken]).toEqual(['succeeded', [expect.objectContaining({ message: expect.stringContaining('answered from elsewhere') })]]);
  });

  it('is answered once: what comes after the answer on the terminal is refused', async () => {
    const persons = new Persons();
    const { clock } = persons.bench;
    const prompter: Prompter = {
      askUnknown: async () => ({ answer: 'unavailable' }),
      ask: async (_question, signal) => await clock.sleep(5_000, signal).then(() => ({ answer: 'approved', by: 'ops' })),
    };
    const graph = graphOf([node('b', { gate: APPROVE }), node('c', { with: { ms: 30_000 } })]);
    const result = await persons.beside(
      graph,
      async (run) => {
        const shown = await persons.asked(run, 'b');
        await clock.sleep(10_000);
        expect((await persons.refused(run, approve(shown))).message).toContain("step 'b' does not wait for a decision now, it is succeeded");
      },
      { prompter },
    );
    expect(result.state).toBe('succeeded');
    expect((await persons.record(result.run, 'b'))?.decisions).toEqual([expect.objectContaining({ by: 'ops', how: 'terminal' })]);
  });

  it('waits as long as was asked for and no longer; the wait costs the step no time', async () => {
    const persons = new Persons();
    const result = await persons.beside(gated(APPROVE), async () => undefined, { waitForAnswersMs: 600_000 });
    expect(result).toMatchObject({ state: 'waiting', elapsedMs: 600_000, error: { code: 'GATE_WAITING' } });
  });

  it('is answered in another round when its question no longer stands but the run still does', async () => {
    const persons = new Persons();
    const graph = graphOf([node('b', { gate: APPROVE }), node('c', { with: { ms: 30_000 } }), node('d', { needs: ['b'] })]);
    const result = await persons.beside(graph, async (run) => void (await persons.send(run, approve(await persons.asked(run, 'b')))), { waitForAnswersMs: 0 });
    expect(statesOf(result)).toEqual({ b: 'succeeded', c: 'succeeded', d: 'succeeded' });
    expect(persons.bench.events.filter((event) => event.type === 'run-started')).toHaveLength(2);
  });
});

describe('a decision from another process is refused', () => {
  it.each([
    ['that was shown something else', { shown: OTHER }, /stale: it was shown sha256:0000/],
    ['that does not say what was shown', { shown: undefined }, /does not say what was shown/],
    ['about a step that does not ask', { step: 'a' as never }, /step 'a' does not wait for a decision now, it is succeeded/],
    ['about a step that there is not', { step: 'zz' as never }, /no step 'zz'/],
    ['about no step', { step: undefined }, /names no step/],
    ['of another run', { run: 'east-20260301T030000Z-ffff' as never }, /for run 'east-20260301T030000Z-ffff'/],
    ['meant for an earlier process', { owner: 'another' }, /earlier process/],
  ] as const)('%s', async (_what, fields, reason) => {
    const persons = new Persons();
    const result = await persons.beside(gated(APPROVE), async (run) => {
      const shown = await persons.asked(run, 'b');
      const given = Object.fromEntries(Object.entries({ step: 'b', shown, ...fields }).filter(([, value]) => value !== undefined));
      expect(await persons.forge(run, given)).toMatchObject({ outcome: 'rejected', reason: expect.stringMatching(reason) });
      await persons.send(run, approve(shown));
    });
    expect(result.state).toBe('succeeded');
  });

  it.each([
    ['with another name of the cluster', CONFIRM, { confirm: 'west' }, /asks for the name of the cluster, 'east', and got 'west'/],
    ['without a statement', ATTEST, { attest: ' ' }, /asks for a statement: the old cluster is off/],
  ] as const)('%s', async (...[, gate, words, reason]) => {
    const persons = new Persons();
    await persons.beside(gated(gate), async (run) => {
      const shown = await persons.asked(run, 'b');
      expect((await persons.refused(run, approve(shown, 'ann', words))).message).toMatch(reason);
      await persons.send(run, { verb: 'decline', step: 'b' as never, shown, by: 'ann' });
    });
  });

  it('by somebody who is not among the approvers, at the terminal too', async () => {
    const persons = new Persons();
    const asked: GateQuestion[] = [];
    const prompter: Prompter = {
      askUnknown: async () => ({ answer: 'unavailable' }),
      ask: async (question) => (asked.push(question), { answer: 'elsewhere' }),
    };
    const result = await persons.beside(
      gated(APPROVE, { approvers: ['ann'] }),
      async (run) => {
        const shown = await persons.asked(run, 'b');
        expect((await persons.refused(run, approve(shown, 'eve'))).message).toContain("'eve' is not among the plan's approvers (ann)");
        await persons.send(run, approve(shown, 'ann'));
      },
      { prompter, decisions: { approve: ['b'], attest: {} } },
    );
    expect(result.state).toBe('succeeded');
    expect(asked.map(({ notHere }) => notHere)).toEqual([expect.stringContaining("'ops' is not among")]);
  });
});

describe('signed decisions', () => {
  it('are told from unsigned ones, which count where no signature is required', async () => {
    const persons = new Persons();
    const graph = gated(TWO, { approvals: { allowedSigners: { file: 'signers' }, required: false } });
    const result = await persons.beside(graph, async (run) => {
      const shown = await persons.asked(run, 'b');
      await persons.send(run, approve(shown, 'ann'), withKey('key-ann'));
      await persons.send(run, approve(shown, 'bob'));
    });
    expect((await persons.record(result.run, 'b'))?.decisions).toEqual([
      expect.objectContaining({ by: 'ann', signed: { principal: 'ann', key: 'SHA256:key-ann' } }),
      expect.not.objectContaining({ signed: expect.anything() }),
    ]);
    expect(persons.bench.events).toContainEqual(expect.objectContaining({ type: 'gate', state: 'approved', by: 'ann (signed)' }));
  });

  it('are refused when forged, by the wrong person, or missing where required, and the right one passes', async () => {
    const persons = new Persons();
    const reasons: (string | undefined)[] = [];
    const result = await persons.beside(gated(APPROVE, SIGNED), async (run) => {
      const shown = await persons.asked(run, 'b');
      const attempt = async (fields: object, signature?: (text: string) => string) =>
        reasons.push((await persons.forge(run, { step: 'b' as never, shown, ...fields }, signature)).reason);
      const sign = await SIGNATURES.sign('', 'key-ann');
      await attempt({});
      await attempt({}, () => sign);
      await attempt({ by: 'bob' }, (text) => `key-ann ${digestOf(text)}`);
      await attempt({ id: 'first', shown: OTHER }, (text) => `key-ann ${digestOf(text)}`);
      expect((await persons.send(run, approve(shown), withKey('key-ann'))).outcome).toBe('accepted');
    });
    expect(reasons).toEqual([
      expect.stringContaining('requires a signature'),
      'the signature is over another text',
      "key 'key-ann' may not sign for 'bob'",
      expect.stringContaining('stale'),
    ]);
    expect(result.state).toBe('succeeded');
  });

  it('cannot be used twice: a copy of an accepted entry under another name is refused', async () => {
    const persons = new Persons();
    const graph = graphOf([node('b', { gate: TWO }), node('c', { with: { ms: 60_000 } })], { plan: SIGNED });
    await persons.beside(graph, async (run) => {
      const shown = await persons.asked(run, 'b');
      const { id } = await persons.send(run, approve(shown), withKey('key-ann'));
      const [key = ''] = (await persons.bench.store.list(`runs/${run}/inbox/`)).filter((name) => name.endsWith(id));
      expect(await persons.drop(run, 'copy', (await persons.bench.store.get(key)) ?? '')).toMatchObject({
        outcome: 'rejected',
        reason: expect.stringContaining('copy of the entry'),
      });
      await persons.send(run, { verb: 'decline', step: 'b' as never, shown, by: 'bob' }, withKey('key-bob'));
    });
  });

  it('are required of flags and terminals as well, and the run says how to sign', async () => {
    const persons = new Persons();
    const decisions = { approve: ['b'], attest: {} };
    const result = await persons.bench.start(gated(APPROVE, SIGNED), { decisions });
    expect(result).toMatchObject({ state: 'waiting', error: { code: 'GATE_WAITING', message: expect.stringContaining('requires a signature') } });
    expect(result.error?.suggestions).toEqual([
      expect.stringContaining('--wait-for-answers'),
      expect.stringContaining(`lattice-dr approve ${result.run} 'b' --sign KEY`),
    ]);
  });

  it('are refused, not taken as unsigned, when nobody can verify them', async () => {
    const persons = new Persons();
    await persons.beside(gated(APPROVE), async (run) => {
      const shown = await persons.asked(run, 'b');
      expect((await persons.refused(run, approve(shown), withKey('key-ann'))).message).toContain('names no allowed signers file');
      await persons.send(run, approve(shown));
    });
  });
});

describe('a gate for two persons', () => {
  it('passes with two, counts nobody twice, and no key either', async () => {
    const persons = new Persons();
    const reasons: string[] = [];
    const result = await persons.beside(gated(TWO, SIGNED), async (run) => {
      const shown = await persons.asked(run, 'b');
      await persons.send(run, approve(shown, 'ann'), withKey('key-both'));
      expect(await persons.record(run, 'b')).toMatchObject({ state: 'waiting' });
      reasons.push((await persons.refused(run, approve(shown, 'ann'), withKey('key-ann'))).message);
      reasons.push((await persons.refused(run, approve(shown, 'bob'), withKey('key-both'))).message);
      await persons.send(run, approve(shown, 'bob'), withKey('key-bob'));
    });
    expect(reasons).toEqual([expect.stringContaining("'ann' has approved step 'b' already"), expect.stringContaining("'bob' has approved step 'b' already")]);
    expect(result.state).toBe('succeeded');
  });

  it('keeps the first approval over a resume, and takes the second from a flag of another person', async () => {
    const persons = new Persons();
    const decisions = { approve: ['b'], attest: {} };
    const first = await persons.bench.start(gated(TWO), { decisions });
    expect(first.error?.message).toContain('1 of 2 so far: ops');
    const same = await persons.bench.resume(first.run, { decisions });
    expect(same).toMatchObject({ state: 'waiting', error: { message: expect.stringContaining("'ops' has approved step 'b' already") } });
    const owner = { ...persons.bench.process().owner, user: 'ann' };
    expect((await persons.bench.resume(first.run, { decisions, owner })).state).toBe('succeeded');
  });

  it('starts from nothing after a no, and after a change of what is shown', async () => {
    const persons = new Persons();
    const { bench } = persons;
    let subject = 'b';
    bench.add({ ...makeThing, kind: 'test/planned', plan: async () => [{ verb: 'create', subject }] });
    const graph = graphOf([node('b', { uses: 'test/planned', gate: TWO })]);
    const first = await persons.beside(graph, async (run) => {
      const shown = await persons.asked(run, 'b');
      await persons.send(run, approve(shown, 'ann'));
      await persons.send(run, { verb: 'decline', step: 'b' as never, shown, by: 'bob' });
    });
    const open = async (): Promise<string | undefined> => (await bench.resume(first.run)).error?.message;
    expect(await open()).toContain('0 of 2 so far');
    const again = await bench.resume(first.run, { decisions: { approve: ['b'], attest: {} } });
    expect(again.error?.message).toContain('1 of 2 so far: ops');
    subject = 'something else';
    expect(await open()).toContain('0 of 2 so far');
  });

  it('leaves the terminal to others once its person has approved, and shows who has', async () => {
    const persons = new Persons();
    const asked: GateQuestion[] = [];
    const prompter: Prompter = {
      askUnknown: async () => ({ answer: 'unavailable' }),
      ask: async (question) => (asked.push(question), question.notHere === undefined ? { answer: 'approved', by: 'ops' } : { answer: 'elsewhere' }),
    };
    const act = async (run: never) => {
      const shown = await persons.asked(run, 'b');
      await persons.until(async () => (await persons.record(run, 'b'))?.decisions[0]);
      await persons.send(run, approve(shown, 'ann'));
    };
    const result = await persons.beside(gated(TWO), act as never, { prompter });
    expect(result.state).toBe('succeeded');
    expect(asked.map(({ approvals, notHere }) => [approvals?.by, notHere])).toEqual([
      [[], undefined],
      [['ops'], expect.stringContaining("'ops' has approved step 'b' already")],
    ]);
  });
});
