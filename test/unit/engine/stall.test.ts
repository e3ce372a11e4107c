import { describe, expect, it } from 'vitest';
import { Journal } from '../../../src/engine/journal.ts';
import { genesis } from '../../../src/engine/journal-chain.ts';
import { ALIVE_EVERY_MS, SHORTEST_STALL_MS, STALLED_AFTER_MS } from '../../../src/engine/owner-times.ts';
import { foldJournal } from '../../../src/engine/run-state.ts';
import type { Effect, StepKind } from '../../../src/engine/step.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { RunId } from '../../../src/model/ids.ts';
import type { RunLog } from '../../../src/ports/run-store.ts';
import { AwayRunStore } from '../../fakes/away-run-store.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { Bench, graphOf, makeThing, node, statesOf, type World } from './run-harness.ts';

const RUN = 'east-20260301T030000Z-0001' as RunId;

/** A log whose appends land when the test says so. */
class SlowLog implements RunLog {
  readonly lines: string[] = [];
  #held: PromiseWithResolvers<void> | undefined;
  #rejects: DrError | undefined;

  hold(): void {
    this.#held = Promise.withResolvers();
  }

  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  failWith(error: DrError): void {
    this.#rejects = error;
    this.release();
  }

  async append(lines: readonly string[]): Promise<void> {
    await this.#held?.promise;
    if (this.#rejects !== undefined) throw this.#rejects;
    this.lines.push(...lines);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is open.
  }
}

function journalOn(log: RunLog, clock: FakeClock, cancel?: AbortSignal): { readonly journal: Journal; readonly told: string[] } {
  const told: string[] = [];
  const onStall = ({ state, forMs }: { readonly state: string; readonly forMs: number }): unknown => told.push(`${state} ${forMs}`);
  return { journal: Journal.open({ log, clock, end: genesis(RUN), state: foldJournal([]), cancel, onStall }), told };
}

const types = (lines: readonly string[]): readonly unknown[] => lines.map((line) => (JSON.parse(line) as { readonly type: string }).type);

describe('a journal whose store is away', () => {
  it('loses contact 25 s after the last durable line, though its append stays pending, and regains it with a line that says for how long', async () => {
    const [log, clock] = [new SlowLog(), new FakeClock()];
    const { journal, told } = journalOn(log, clock);
    await journal.append({ type: 'alive' });
    const { contact } = journal;
    log.hold();
    await clock.advance(ALIVE_EVERY_MS);
    const pending = journal.append({ type: 'alive' });
    await clock.advance(SHORTEST_STALL_MS - 1);
    expect(contact.lost.aborted).toBe(false);
    await clock.advance(1);
    expect([contact.lost.aborted, (contact.lost.reason as DrError).code, journal.failed.aborted]).toEqual([true, 'STORE_UNAVAILABLE', false]);
    await clock.advance(60_000);
    log.release();
    await Promise.all([pending, contact.regained]);
    expect(journal.contact.lost.aborted).toBe(false);
    expect(told).toEqual([`away ${STALLED_AFTER_MS}`, `back ${STALLED_AFTER_MS + 60_000}`]);
    expect(types(log.lines)).toEqual(['alive', 'alive', 'stalled']);
    await journal.close();
    expect(clock.pending).toBe(0);
  });

  it('does not count one slow answer as lost, however long nothing was to be said before', async () => {
    const [log, clock] = [new SlowLog(), new FakeClock()];
    const { journal } = journalOn(log, clock);
    await clock.advance(10 * 60_000);
    log.hold();
    const pending = journal.append({ type: 'alive' });
    await clock.advance(SHORTEST_STALL_MS - 1);
    expect(journal.contact.lost.aborted).toBe(false);
    log.release();
    await pending;
    await clock.advance(60_000);
    expect(journal.contact.lost.aborted).toBe(false);
    await journal.close();
  });

  it('lets go of those who append during the contact, while their lines still land, in order and once', async () => {
    const [log, clock] = [new SlowLog(), new FakeClock()];
    const { journal } = journalOn(log, clock);
    const during = journal.during(journal.contact);
    log.hold();
    const refused = expect(during.append({ type: 'repair', segment: 1, cutBytes: 1 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const patient = journal.append({ type: 'alive' });
    await clock.advance(STALLED_AFTER_MS);
    await refused;
    await expect(during.append({ type: 'repair', segment: 1, cutBytes: 2 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    log.release();
    await patient;
    await clock.advance(0);
    expect(log.lines.map((line) => JSON.parse(line))).toMatchObject([
      { seq: 1, cutBytes: 1 },
      { seq: 2, type: 'alive' },
      { seq: 3, cutBytes: 2 },
      { seq: 4, type: 'stalled' },
    ]);
    await journal.close();
  });

  it('gives up 10 s after a cancel, and not before there is one', async () => {
    const [log, clock, cancel] = [new SlowLog(), new FakeClock(), new AbortController()];
    const { journal } = journalOn(log, clock, cancel.signal);
    log.hold();
    const pending = expect(journal.append({ type: 'alive' })).rejects.toMatchObject({
      code: 'CANCELLED',
      kind: 'cancelled',
      message: expect.stringContaining('no final line'),
    });
    await clock.advance(60 * 60_000);
    expect(journal.failed.aborted).toBe(false);
    cancel.abort();
    await clock.advance(20_000);
    await pending;
    expect(journal.failed.aborted).toBe(true);
    await journal.close();
  });

  it('waits for its final line after a cancel when the store answers', async () => {
    const [log, clock, cancel] = [new SlowLog(), new FakeClock(), new AbortController()];
    const { journal } = journalOn(log, clock, cancel.signal);
    cancel.abort();
    await clock.advance(60_000);
    await journal.append({ type: 'ended', state: 'cancelled' });
    expect(types(log.lines)).toEqual(['ended']);
    await journal.close();
  });

  it('ends at once, for all who wait, when the store refuses a line after all', async () => {
    const [log, clock] = [new SlowLog(), new FakeClock()];
    const { journal } = journalOn(log, clock);
    log.hold();
    const both = [journal.append({ type: 'alive' }), journal.append({ type: 'alive' })].map((append) =>
      expect(append).rejects.toMatchObject({ code: 'RUN_REPLACED' }),
    );
    await clock.advance(STALLED_AFTER_MS);
    log.failWith(new DrError({ code: 'RUN_REPLACED', message: 'another one has it' }));
    await Promise.all(both);
    expect(journal.failed.reason).toMatchObject({ code: 'RUN_REPLACED' });
    await expect(journal.append({ type: 'alive' })).rejects.toMatchObject({ code: 'RUN_REPLACED' });
    await journal.close();
  });
});

interface Seen {
  readonly at: number;
  readonly what: string;
}

interface LongEffect {
  /** It does not hear that it is aborted. */
  readonly deaf?: boolean;
  readonly effectMs?: number;
  readonly timeoutMs?: number;
  /** The world does not tell whether it has happened, so a person would be asked. */
  readonly hidden?: boolean;
}

/** A step that takes its time in an effect; says when it was looked at, begun and aborted. */
function longEffect(bench: Bench, seen: Seen[], options: LongEffect = {}): StepKind<{ thing: string }, { value: string }, World> {
  const tell = (what: string): unknown => seen.push({ at: bench.clock.monotonic(), what });
  const { deaf = false, effectMs = 40_000, timeoutMs = 300_000, hidden = false } = options;
  return {
    ...makeThing,
    kind: 'test/long',
    with: makeThing.with,
    observe: async ({ with: { thing }, ports }) => {
      tell(`observe ${thing}`);
      return ports.finished.has(thing) ? { state: 'present', outputs: { value: thing }, evidence: {} } : { state: 'absent', evidence: {} };
    },
    plan: async () => [],
    execute: async (ctx) => {
      const { thing } = ctx.with;
      const effect: Effect<string> = {
        name: 'make',
        key: thing,
        timeoutMs,
        check: async () => (ctx.ports.parts.has(thing) ? { state: 'done', result: thing } : { state: hidden ? 'unknown' : 'todo', evidence: {} }),
        run: async (signal) => {
          tell(`begin ${thing}`);
          signal.addEventListener('abort', () => tell(`abort ${thing}`), { once: true });
          await ctx.clock.sleep(effectMs, deaf ? undefined : signal);
          ctx.ports.make(thing);
          return thing;
        },
      };
      await ctx.effect(effect);
      ctx.ports.finish(thing);
    },
    verify: async ({ with: { thing } }) => ({ ok: true, outputs: { value: thing }, evidence: {} }),
  };
}

describe('a run whose store goes away', () => {
  const AWAY_AT = 20_000;
  const AWAY_MS = 120_000;

  /** Two steps side by side, a third behind them; the store is away for two minutes in the middle of the first two. */
  async function played(options: { readonly deaf?: boolean; readonly effectMs?: number; readonly cancelAt?: number; readonly forever?: boolean } = {}) {
    const bench = new Bench();
    const store = new AwayRunStore(bench.store);
    const seen: Seen[] = [];
    bench.add(longEffect(bench, seen, options));
    const cancel = new AbortController();
    void bench.clock.sleep(AWAY_AT).then(() => store.goAway());
    if (options.forever !== true) void bench.clock.sleep(AWAY_AT + AWAY_MS).then(() => store.comeBack());
    if (options.cancelAt !== undefined) void bench.clock.sleep(options.cancelAt).then(() => cancel.abort());
    const graph = graphOf([
      node('a', { uses: 'test/long', timeoutMs: 90_000 }),
      node('b', { uses: 'test/long' }),
      node('c', { uses: 'test/long', needs: ['a', 'b'] }),
    ]);
    const result = await bench.start(graph, { store, signal: cancel.signal });
    return { bench, store, seen, result };
  }

  /** One step whose intent takes long to be written, less long than it takes to count as a store that is away. */
  async function slowIntent(options: LongEffect & { readonly answersAfterMs: number; readonly cancelAtMs?: number; readonly attempts?: number }) {
    const bench = new Bench();
    const store = new AwayRunStore(bench.store);
    const seen: Seen[] = [];
    bench.add(longEffect(bench, seen, options));
    const cancel = new AbortController();
    store.goAwayAt((line) => line.includes('"effect-intent"'));
    void bench.clock.sleep(options.answersAfterMs).then(() => store.comeBack());
    if (options.cancelAtMs !== undefined) void bench.clock.sleep(options.cancelAtMs).then(() => cancel.abort());
    const retry = { attempts: options.attempts ?? 1, firstDelayMs: 1, maxDelayMs: 1 };
    const result = await bench.start(graphOf([node('a', { uses: 'test/long', retry })]), { store, signal: cancel.signal });
    return { bench, seen, result };
  }

  it('aborts what it does, begins nothing meanwhile, looks again when the store is back and completes', async () => {
    const { bench, seen, result } = await played();
    expect(statesOf(result)).toEqual({ a: 'succeeded', b: 'succeeded', c: 'succeeded' });
    const [lostBy, backAt] = [AWAY_AT + STALLED_AFTER_MS, AWAY_AT + AWAY_MS];
    const meanwhile = seen.filter(({ at }) => at > AWAY_AT && at < backAt);
    expect(meanwhile.map(({ what }) => what).sort()).toEqual(['abort a', 'abort b']);
    for (const { at } of meanwhile) expect(at).toBeLessThanOrEqual(lostBy);
    const after = seen.filter(({ at }) => at >= backAt).map(({ what }) => what);
    expect(after.slice(0, 2).sort()).toEqual(['observe a', 'observe b']);
    expect([...bench.world.parts]).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ]);
    const told = await bench.told(result.run);
    expect(told.filter((line) => line === 'stalled')).toEqual(['stalled']);
    expect(told.filter((line) => line.startsWith('step-retry'))).toEqual([]);
    expect(bench.events.filter(({ type }) => type === 'store')).toMatchObject([{ state: 'away' }, { state: 'back' }]);
  });

  it('does not count the time away: a step of 90 s survives an absence of 120 s', async () => {
    const { result } = await played();
    expect(result.steps.find(({ id }) => id === 'a')).toMatchObject({ state: 'succeeded' });
    expect(result.steps.find(({ id }) => id === 'a')?.elapsedMs).toBeGreaterThan(AWAY_MS);
  });

  it('takes back an intent that landed when its step had been told to stop, and asks no person about it', async () => {
    const bench = new Bench();
    const store = new AwayRunStore(bench.store);
    const seen: Seen[] = [];
    bench.add(longEffect(bench, seen, { effectMs: 1_000, hidden: true }));
    store.goAwayAt((line) => line.includes('"effect-intent"'));
    void bench.clock.sleep(AWAY_MS).then(() => store.comeBack());
    const result = await bench.start(graphOf([node('a', { uses: 'test/long' })]), { store });
    expect(result.state).toBe('succeeded');
    expect((await bench.told(result.run)).filter((line) => line.startsWith('effect-'))).toEqual([
      'effect-intent a',
      'effect-unstarted a',
      'effect-intent a',
      'effect-done a',
    ]);
    expect(seen.filter(({ what }) => what === 'begin a')).toHaveLength(1);
    expect(seen.find(({ what }) => what === 'begin a')?.at).toBeGreaterThanOrEqual(AWAY_MS);
  });

  it('does not begin an effect whose run was cancelled while its intent was written; a resume begins it without a question', async () => {
    const { bench, seen, result } = await slowIntent({ answersAfterMs: 5_000, cancelAtMs: 2_000, hidden: true });
    expect(result.state).toBe('cancelled');
    expect(seen.filter(({ what }) => what === 'begin a')).toEqual([]);
    expect((await bench.told(result.run)).filter((line) => line.startsWith('effect-'))).toEqual(['effect-intent a', 'effect-unstarted a']);
    expect((await bench.resume(result.run)).state).toBe('succeeded');
    expect(seen.filter(({ what }) => what === 'begin a')).toHaveLength(1);
  });

  it('counts the time of an effect from before its intent, because that is the deadline which others wait for', async () => {
    const late = await slowIntent({ answersAfterMs: 8_000, effectMs: 5_000, timeoutMs: 10_000 });
    expect(late.result.error).toMatchObject({ code: 'STEP_TIMEOUT' });
    expect(late.seen.find(({ what }) => what === 'abort a')?.at).toBe(10_000);
    const tooLate = await slowIntent({ answersAfterMs: 8_000, effectMs: 5_000, timeoutMs: 7_000, hidden: true, attempts: 2 });
    expect(tooLate.result.state).toBe('succeeded');
    expect(tooLate.seen.filter(({ what }) => what === 'begin a').map(({ at }) => at)).toEqual([8_001]);
  });

  it('fails a step that does not stop: nothing is begun beside what may still be at work', async () => {
    const { seen, result } = await played({ deaf: true, effectMs: 500_000 });
    expect(result.steps.find(({ id }) => id === 'a')).toMatchObject({ state: 'failed', reason: expect.stringContaining('left behind') });
    expect(seen.filter(({ what }) => what === 'begin a')).toHaveLength(1);
    expect(result.error?.code).toBe('STORE_UNAVAILABLE');
  });

  it('waits for a store that takes no evidence for a while, when a step ends and while one is at work', async () => {
    const bench = new Bench();
    const store = new AwayRunStore(bench.store);
    let executions = 0;
    bench.add({
      ...makeThing,
      kind: 'test/keeping',
      execute: async (ctx) => {
        executions += 1;
        if (executions === 1) leaveFor(10_000);
        await ctx.keep('list.json', Buffer.from('{}'));
        ctx.evidence.append({ seen: 1 });
        ctx.ports.finish(ctx.with.thing);
        leaveFor(10_000);
      },
    });
    const leaveFor = (ms: number): void => {
      store.goAway();
      void bench.clock.sleep(ms).then(() => store.comeBack());
    };
    const result = await bench.start(graphOf([node('a', { uses: 'test/keeping' })]), { store });
    expect([result.state, executions]).toEqual(['succeeded', 2]);
    expect([...bench.store.evidence.keys()]).toEqual([`${result.run}/a.jsonl`]);
    expect(bench.clock.monotonic()).toBe(20_000);
  });

  it('ends within 20 s of a cancel, without a final line', async () => {
    const { bench, result } = await played({ forever: true, cancelAt: 100_000 });
    expect(result).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED', kind: 'cancelled' } });
    expect(bench.clock.monotonic()).toBeLessThanOrEqual(120_000);
    expect((await bench.stored(result.run)).state.status).toBe('running');
  });

  it('can be resumed after that, and nothing is done twice', async () => {
    const { bench, store, result } = await played({ forever: true, cancelAt: 100_000 });
    store.comeBack();
    expect((await bench.resume(result.run)).state).toBe('succeeded');
    expect([...bench.world.parts.values()]).toEqual([1, 1, 1]);
  });
});
