import { describe, expect, it } from 'vitest';
import type { Gate } from '../../../src/engine/graph-types.ts';
import type { Prompter } from '../../../src/engine/prompter.ts';
import { type ScheduleNode, schedule } from '../../../src/engine/schedule.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { RunId, StepId } from '../../../src/model/ids.ts';
import { Persons } from './operator-harness.ts';
import { graphOf, makeThing, node, statesOf } from './run-harness.ts';

const APPROVE: Gate = { reason: 'traffic moves', approve: 1 };
const id = (text: string): StepId => text as StepId;

describe('pause', () => {
  it('lets what runs end, starts nothing, takes questions back, ends as waiting with who and why, and a resume goes on', async () => {
    const persons = new Persons();
    const graph = graphOf([
      node('a', { with: { ms: 30_000 } }),
      node('b', { needs: ['a'] }),
      node('c', { needs: ['b'] }),
      node('d', { gate: APPROVE }),
      node('last', { needs: ['c'], always: true }),
    ]);
    const result = await persons.beside(graph, async (run) => {
      await persons.asked(run, 'd');
      await persons.send(run, { verb: 'pause', by: 'ann', reason: 'the network team looks first' });
    });
    expect(statesOf(result)).toEqual({ a: 'succeeded', b: 'waiting', c: 'blocked', d: 'waiting', last: 'blocked' });
    expect(result).toMatchObject({
      state: 'waiting',
      error: { code: 'RUN_PAUSED', kind: 'waiting', message: "paused by ann from host 'here': the network team looks first" },
    });
    const resumed = await persons.bench.resume(result.run, { decisions: { approve: ['d'], attest: {} } });
    expect(resumed.state).toBe('succeeded');
  });

  it('gives up what is being admitted', async () => {
    const pause = new AbortController();
    const admit = async (_node: unknown, signal: AbortSignal): Promise<undefined> =>
      await new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)));
    const ran: string[] = [];
    const ends = schedule<string, ScheduleNode>({
      graph: [
        { id: 'asks', needs: [] },
        { id: 'after', needs: ['asks'] },
      ],
      limits: { total: 2 },
      signal: new AbortController().signal,
      pause: pause.signal,
      admit,
      work: async ({ id: name }) => (ran.push(name), { state: 'succeeded' }),
    });
    pause.abort(new DrError({ code: 'RUN_PAUSED', message: 'paused by ann' }));
    expect(await ends).toEqual(
      new Map([
        ['asks', { state: 'waiting', reason: 'paused by ann' }],
        ['after', expect.objectContaining({ state: 'blocked', cause: 'asks' })],
      ]),
    );
    expect(ran).toEqual([]);
  });

  it('takes a question about an unknown state back, and a resume asks it again', async () => {
    const persons = new Persons();
    persons.bench.add({ ...makeThing, kind: 'test/unclear', observe: async () => ({ state: 'unknown', evidence: {} }) });
    const asked: string[] = [];
    const prompter: Prompter = {
      ask: async () => ({ answer: 'unavailable' }),
      askUnknown: async ({ step }, signal) => {
        asked.push(step);
        return asked.length > 1 ? { answer: 'absent', by: 'ops' } : await persons.bench.clock.sleep(3_600_000, signal).then(() => ({ answer: 'unavailable' }));
      },
    };
    const graph = graphOf([node('a', { uses: 'test/unclear' })]);
    const result = await persons.beside(graph, async (run) => void (await persons.send(run, { verb: 'pause', by: 'ann' })), { prompter });
    expect(result).toMatchObject({
      state: 'waiting',
      error: { code: 'RUN_PAUSED' },
      steps: [{ state: 'waiting', reason: expect.stringContaining('paused by ann') }],
    });
    await persons.bench.resume(result.run, { prompter });
    expect([asked, persons.bench.world.finished.has('a')]).toEqual([['a', 'a'], true]);
  });

  it('holds back what waits for a slot, and lets a run that has nothing left succeed', async () => {
    const persons = new Persons();
    const group = { name: 'g', limit: 1 };
    const graph = graphOf([node('a', { group, with: { ms: 20_000 } }), node('b', { group })]);
    const pause = async (run: RunId): Promise<void> => void (await persons.send(run, { verb: 'pause', by: 'ann' }));
    expect(statesOf(await persons.beside(graph, pause))).toEqual({ a: 'succeeded', b: 'waiting' });
    const other = new Persons();
    const alone = await other.beside(graphOf([node('a', { with: { ms: 20_000 } })]), async (run) => void (await other.send(run, { verb: 'pause', by: 'ann' })));
    expect(alone.state).toBe('succeeded');
  });

  it('ends the watch of a guard whose steps are held back', async () => {
    const persons = new Persons();
    persons.bench.add({
      ...makeThing,
      kind: 'test/watch',
      risk: 'read-only',
      effects: [],
      execute: async ({ signal }) => await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
      verify: async () => ({ ok: true, outputs: { value: '' }, evidence: {} }),
    });
    const graph = graphOf([
      node('slow', { with: { ms: 20_000 } }),
      node('a', { needs: ['slow'] }),
      node('watch', { uses: 'test/watch', risk: 'read-only', guard: { protects: [id('a')] } }),
    ]);
    const result = await persons.beside(graph, async (run) => void (await persons.send(run, { verb: 'pause', by: 'ann' })));
    expect(statesOf(result)).toMatchObject({ slow: 'succeeded', a: 'waiting', watch: 'blocked' });
    expect((await persons.bench.resume(result.run)).state).toBe('succeeded');
  });
});

describe('cancel', () => {
  it('does what a signal does, and says who', async () => {
    const persons = new Persons();
    const graph = graphOf([node('a', { with: { ms: 30_000 } }), node('b', { needs: ['a'] })]);
    const result = await persons.beside(graph, async (run) => void (await persons.send(run, { verb: 'cancel', by: 'ann' })));
    expect(statesOf(result)).toEqual({ a: 'cancelled', b: 'cancelled' });
    expect(result).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED', message: "cancelled by ann from host 'here'" } });
    expect(result.elapsedMs).toBeLessThan(5_000);
  });
});

describe('skip', () => {
  it('leaves a step out that is to come, is shown with who and why, and stands over a resume', async () => {
    const persons = new Persons();
    const graph = graphOf([node('a', { with: { ms: 10_000 } }), node('b', { needs: ['a'] }), node('c', { needs: ['b'], with: { fails: true } })]);
    const result = await persons.beside(
      graph,
      async (run) => void (await persons.send(run, { verb: 'skip', step: id('b'), by: 'ann', reason: 'done by hand' })),
    );
    expect(result.steps[1]).toMatchObject({ state: 'skipped', reason: 'skipped by ann: done by hand' });
    expect(result.state).toBe('failed');
    expect(statesOf(await persons.bench.resume(result.run))).toEqual({ a: 'succeeded', b: 'skipped', c: 'failed' });
    expect(persons.bench.world.finished.has('b')).toBe(false);
  });

  it('takes a question back, and brings on what waited for a step that failed', async () => {
    const persons = new Persons();
    const graph = graphOf(
      [
        node('gate', { gate: APPROVE }),
        node('after', { needs: ['gate'] }),
        node('bad', { with: { fails: true } }),
        node('next', { needs: ['bad'] }),
        node('slow', { with: { ms: 30_000 } }),
      ],
      { keepGoing: true },
    );
    const result = await persons.beside(graph, async (run) => {
      await persons.asked(run, 'gate');
      await persons.until(async () => ((await persons.record(run, 'bad'))?.state === 'failed' ? true : undefined));
      await persons.send(run, { verb: 'skip', step: id('gate'), by: 'ann', reason: 'not today' });
      await persons.send(run, { verb: 'skip', step: id('bad'), by: 'ann', reason: 'cannot be made' });
    });
    expect(statesOf(result)).toEqual({ gate: 'skipped', after: 'succeeded', bad: 'skipped', next: 'succeeded', slow: 'succeeded' });
    const running = persons.bench.events.filter((event) => event.type === 'step-state' && event.step === 'gate' && event.state === 'running');
    expect(running).toEqual([]);
    expect(result.state).toBe('succeeded');
  });

  it.each([
    ['a safety step', 'safe', 'why', /is a safety step, which cannot be skipped.*--override-safety 'safe=<reason>'/],
    ['a guard', 'watch', 'why', /is a safety step/],
    ['a step that is done', 'done', 'why', /has succeeded already/],
    ['a step that runs', 'slow', 'why', /step 'slow' is running/],
    ['a step that is out already', 'out', 'why', /not part of this run anyway: not in this mode/],
    ['without a reason', 'later', ' ', /gives no reason/],
  ])('is refused for %s', async (...[, step, reason, message]) => {
    const persons = new Persons();
    const graph = graphOf([
      node('done'),
      node('slow', { with: { ms: 20_000 } }),
      node('later', { needs: ['slow'] }),
      node('safe', { needs: ['slow'], safety: true }),
      node('out', { skipped: 'not in this mode' }),
      node('watch', { needs: ['slow'], guard: { protects: [id('guarded')] } }),
      node('guarded', { needs: ['slow'] }),
    ]);
    await persons.beside(graph, async (run) => {
      await persons.until(async () => ((await persons.record(run, 'slow'))?.state === 'running' ? true : undefined));
      expect((await persons.refused(run, { verb: 'skip', step: id(step), by: 'ann', reason })).message).toMatch(message);
      await persons.send(run, { verb: 'cancel', by: 'ann' });
    });
  });
});

describe('retry', () => {
  /** A kind that fails with a retryable error until it is mended. */
  function flaky(persons: Persons, state: { mended: boolean; tries: number }, retry: 'retryable' | 'never' = 'retryable'): void {
    persons.bench.add({
      ...makeThing,
      kind: 'test/flaky',
      execute: async (ctx) => {
        state.tries += 1;
        if (!state.mended) throw new DrError({ code: 'STEP_FAILED', message: 'not yet', retry });
        ctx.ports.finish(ctx.with.thing);
      },
    });
  }

  it('ends the wait between two tries at once', async () => {
    const persons = new Persons();
    const state = { mended: false, tries: 0 };
    flaky(persons, state);
    const retry = { attempts: 3, firstDelayMs: 600_000, maxDelayMs: 600_000 };
    const result = await persons.beside(graphOf([node('a', { uses: 'test/flaky', retry, timeoutMs: 3_600_000 })]), async (run) => {
      await persons.until(async () => (state.tries > 0 ? true : undefined));
      state.mended = true;
      await persons.send(run, { verb: 'retry', step: id('a'), by: 'ann' });
    });
    expect([result.state, state.tries]).toEqual(['succeeded', 2]);
    expect(result.elapsedMs).toBeLessThan(10_000);
  });

  it('has a failed step tried again by the same process once what runs has ended, without doing anything twice', async () => {
    const persons = new Persons();
    const state = { mended: false, tries: 0 };
    flaky(persons, state, 'never');
    const graph = graphOf([
      node('first', { with: { parts: 1 } }),
      node('bad', { uses: 'test/flaky', needs: ['first'] }),
      node('after', { needs: ['bad'], with: { from: [{ $expr: 'steps.first.outputs.value' }] } }),
      node('slow', { with: { ms: 50_000, parts: 1 } }),
    ]);
    const result = await persons.beside(graph, async (run) => {
      await persons.until(async () => ((await persons.record(run, 'bad'))?.state === 'failed' ? true : undefined));
      state.mended = true;
      await persons.send(run, { verb: 'retry', step: id('bad'), by: 'ann' });
    });
    expect(result.state).toBe('succeeded');
    expect([state.tries, Object.fromEntries(persons.bench.world.parts)]).toEqual([2, { 'first-0': 1, 'slow-0': 1 }]);
    const { state: folded } = await persons.bench.stored(result.run);
    expect([folded.owners.length, folded.steps.get(id('after'))?.outputs]).toEqual([1, { value: 'after(first())' }]);
  });

  it('takes a skip back, also of a step whose turn has passed', async () => {
    const persons = new Persons();
    const graph = graphOf([node('a'), node('slow', { with: { ms: 50_000 } }), node('b', { needs: ['slow'] })]);
    const result = await persons.beside(graph, async (run) => {
      await persons.send(run, { verb: 'skip', step: id('b'), by: 'ann', reason: 'oops' });
      await persons.send(run, { verb: 'retry', step: id('b'), by: 'ann' });
    });
    expect(statesOf(result)).toMatchObject({ b: 'succeeded' });
    expect(persons.bench.events.filter((event) => event.type === 'run-started')).toHaveLength(1);
    const late = new Persons();
    const again = await late.beside(graphOf([node('a', { gate: APPROVE }), node('slow', { with: { ms: 50_000 } })]), async (run) => {
      await late.asked(run, 'a');
      await late.send(run, { verb: 'skip', step: id('a'), by: 'ann', reason: 'oops' });
      await late.until(async () => ((await late.record(run, 'a'))?.state === 'skipped' ? true : undefined));
      await late.send(run, { verb: 'retry', step: id('a'), by: 'ann' });
      await late.until(async () => ((await late.record(run, 'a'))?.state === 'waiting' ? true : undefined));
      await late.send(run, { verb: 'approve', step: id('a'), shown: await late.asked(run, 'a'), by: 'ann' });
    });
    expect(again.state).toBe('succeeded');
  });

  it('is refused for a step that has nothing to try again', async () => {
    const persons = new Persons();
    await persons.beside(graphOf([node('a', { with: { ms: 10_000 } })]), async (run) => {
      await persons.until(async () => ((await persons.record(run, 'a'))?.state === 'running' ? true : undefined));
      expect((await persons.refused(run, { verb: 'retry', step: id('a'), by: 'ann' })).message).toContain("step 'a' is running");
    });
  });

  it('does not bring a paused run back', async () => {
    const persons = new Persons();
    const graph = graphOf([node('bad', { with: { fails: true } }), node('slow', { with: { ms: 30_000 } })]);
    const result = await persons.beside(graph, async (run) => {
      await persons.until(async () => ((await persons.record(run, 'bad'))?.state === 'failed' ? true : undefined));
      await persons.send(run, { verb: 'retry', step: id('bad'), by: 'ann' });
      await persons.send(run, { verb: 'pause', by: 'ann' });
    });
    expect(result.state).toBe('failed');
    expect(persons.bench.events.filter((event) => event.type === 'run-started')).toHaveLength(1);
  });
});
