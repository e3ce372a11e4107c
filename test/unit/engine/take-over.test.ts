import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { takeCluster } from '../../../src/engine/claims.ts';
import type { RunEvent } from '../../../src/engine/events.ts';
import { readHeld } from '../../../src/engine/held-run.ts';
import { ownJournal } from '../../../src/engine/own-run.ts';
import { TAKE_OVER_WAIT_MS } from '../../../src/engine/owner-times.ts';
import { resumeRun } from '../../../src/engine/resume-run.ts';
import { type FrozenRun, freezeRun } from '../../../src/engine/run-files.ts';
import type { RunEnvironment, RunResult } from '../../../src/engine/run-options.ts';
import { startRun } from '../../../src/engine/start-run.ts';
import type { StepKind } from '../../../src/engine/step.ts';
import { standBackFrom } from '../../../src/engine/take-over.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { RunId, StepId } from '../../../src/model/ids.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { LogSegment, RunLog, RunStore } from '../../../src/ports/run-store.ts';
import { AwayRunStore } from '../../fakes/away-run-store.ts';
import { Bench, CLUSTER, graphOf, makeThing, node, processOwner, type World } from './run-harness.ts';

const OLD = 'east-20260301T030000Z-0001' as RunId;
/** Effects whose deadline is over before the wait is. */
const SHORT = { timeoutMs: 20_000 };
const WHY = 'the first machine hangs';

function freeze(id: RunId): FrozenRun {
  const startedAt = '2026-03-01T03:00:00.000Z';
  return { format: 1, id, cluster: CLUSTER, mode: 'recovery', tool: '1', startedAt, graph: graphOf([node('a')]), contracts: {}, sources: {} };
}

interface Begun {
  readonly at: number;
  /** When it was over, in whatever way. */
  until?: number;
  readonly who: string;
  readonly what: string;
}

interface EffectOptions {
  readonly effectMs?: number;
  readonly timeoutMs?: number;
  /** Effects do not hear that they are aborted. */
  readonly deaf?: boolean;
}

/** A bench of several machines, where each effect says who began it and when. */
class Machines extends Bench {
  readonly begun: Begun[] = [];
  #next = 1;

  /** The environment of a process on a machine, with a step kind whose effects take their time. */
  on(host: string, options: EffectOptions = {}, overrides: Partial<RunEnvironment<World>> = {}): RunEnvironment<World> {
    this.#next += 1;
    const owner = processOwner(this.#next, { host });
    this.living.add(owner.pid);
    const { effectMs = 20_000, timeoutMs = 60_000, deaf = false } = options;
    const isAlive: RunEnvironment['isAlive'] = async (other) => other.host !== host || this.living.has(other.pid);
    return this.process({ owner, isAlive, catalogue: new Map([['test/thing', this.#slow(host, { effectMs, timeoutMs, deaf })]]), ...overrides });
  }

  #slow(who: string, { effectMs, timeoutMs, deaf }: Required<EffectOptions>): StepKind<{ thing: string; parts: number }, { value: string }, World> {
    return {
      ...makeThing,
      with: makeThing.with,
      observe: async ({ with: { thing }, ports }) =>
        ports.finished.has(thing) ? { state: 'present', outputs: { value: thing }, evidence: {} } : { state: 'absent', evidence: {} },
      plan: async () => [],
      execute: async (ctx) => {
        const { thing, parts } = ctx.with;
        for (let index = 0; index < parts; index += 1) {
          const part = `${thing}-${index}`;
          await ctx.effect({
            name: 'make',
            key: part,
            timeoutMs,
            check: async () => (ctx.ports.parts.has(part) ? { state: 'done', result: part } : { state: 'todo', evidence: {} }),
            run: async (signal) => {
              ctx.evidence.append({ part });
              const one: Begun = { at: this.clock.monotonic(), who, what: part };
              this.begun.push(one);
              await ctx.clock.sleep(effectMs, deaf ? undefined : signal).finally(() => (one.until = this.clock.monotonic()));
              ctx.ports.make(part);
              return part;
            },
          });
        }
        ctx.ports.finish(thing);
      },
      verify: async ({ with: { thing } }) => ({ ok: true, outputs: { value: thing }, evidence: {} }),
    };
  }

  /** The event that tells of a wait, in one of its states. */
  waits(state: 'waiting' | 'over'): readonly RunEvent[] {
    return this.events.filter((event) => event.type === 'take-over' && event.state === state);
  }

  async entry(run: RunId, type: 'owner' | 'superseded'): Promise<unknown> {
    return (await this.stored(run)).journal.entries.findLast((entry) => entry.type === type);
  }

  first(who: string): number {
    return this.begun.find((one) => one.who === who)?.at ?? Number.POSITIVE_INFINITY;
  }
}

const chain = (parts = 4) => graphOf([node('a', { with: { parts }, timeoutMs: 600_000 }), node('b', { needs: ['a'], with: { parts }, timeoutMs: 600_000 })]);

interface Take {
  readonly by: 'resume' | 'start';
  readonly atMs: number;
  readonly host?: string;
}

interface Taken {
  readonly old: RunResult;
  readonly next: RunResult;
}

/** Starts a run on machine `old` and takes its cluster from there while it runs. */
async function takeOver(
  bench: Machines,
  { by, atMs, host = 'new' }: Take,
  options: EffectOptions & { readonly store?: RunStore; readonly parts?: number } = {},
): Promise<Taken> {
  const graph = chain(options.parts);
  const overrides = options.store === undefined ? {} : { store: options.store };
  const shared = { graph, cluster: CLUSTER, mode: 'recovery', sources: {} } as const;
  const old = startRun({ ...bench.on('old', options, overrides), ...shared });
  const next = bench.clock.sleep(atMs).then(async () => {
    const env = { ...bench.on(host, options), takeOver: WHY };
    if (by === 'start') return await startRun({ ...env, ...shared });
    const run = await bench.onlyRun();
    if (run === undefined) throw new Error('there is no run to resume');
    return await resumeRun({ ...env, run });
  });
  const [first, second] = await bench.clock.runUntil(Promise.all([old, next]));
  return { old: first, next: second };
}

describe('taking a cluster from an owner that lives', () => {
  it.each(['resume', 'start'] as const)('by a %s: it is fenced and waited for, the newcomer acts after it, and both say why', async (by) => {
    const bench = new Machines();
    const { old, next } = await takeOver(bench, { by, atMs: 25_000 }, { timeoutMs: 22_000 });
    expect(next.state).toBe('succeeded');
    // The next line of the old owner is the `alive` or the outcome within 15 s; it began nothing after the fence.
    expect(bench.begun.filter(({ who }) => who === 'old').map(({ at }) => at)).toEqual([0, 20_000]);
    expect(bench.first('new')).toBe(25_000 + TAKE_OVER_WAIT_MS);
    expect(bench.waits('waiting')).toMatchObject([{ reason: WHY, forMs: TAKE_OVER_WAIT_MS, from: { host: 'old' } }]);
    const record = { reason: WHY, from: { host: 'old' }, until: '2026-03-01T03:01:00.000Z' };
    expect(await bench.entry(old.run, by === 'resume' ? 'owner' : 'superseded')).toMatchObject({ takeOver: record });
    expect(old).toMatchObject({ state: 'failed', error: { code: 'RUN_REPLACED', kind: 'locked', details: { host: 'new', at: '2026-03-01T03:00:25.000Z' } } });
    expect(old.error?.message).toContain(`process 3 of ops on host 'new'${by === 'start' ? ` for run '${next.run}'` : ''} (${WHY})`);
  });

  it('leaves it nothing to write: no line, no evidence, no file', async () => {
    const bench = new Machines();
    const written: string[] = [];
    const store = new Writing(bench.store, written);
    const { old } = await takeOver(bench, { by: 'resume', atMs: 25_000 }, { store });
    const refused = written.findIndex((line) => line === 'refused append');
    expect(refused).toBeGreaterThan(0);
    expect(written.slice(refused + 1)).toEqual([]);
    expect(old.error?.code).toBe('RUN_REPLACED');
  });

  it('waits until the last deadline of an effect it may be at work on, counted by the old clock alone', async () => {
    const bench = new Machines();
    await takeOver(bench, { by: 'resume', atMs: 26_000 }, { effectMs: 600_000, timeoutMs: 300_000, parts: 1 });
    // Intent at 0 with 300 s; the last line before the fence is the `alive` at 15 s; 10 s of grace.
    expect(bench.waits('waiting')).toMatchObject([{ forMs: 300_000 - 15_000 + 10_000, waitsFor: expect.stringContaining("effect 'make a-0' of step 'a'") }]);
    expect(bench.first('new')).toBe(26_000 + 295_000);
  });

  it('goes on as soon as a process of the same machine is gone', async () => {
    const bench = new Machines();
    void bench.clock.sleep(30_500).then(() => bench.living.delete(2));
    await takeOver(bench, { by: 'resume', atMs: 25_000, host: 'old' });
    expect(bench.waits('over')).toMatchObject([{ forMs: 6_000 }]);
  });

  it('leaves no wait behind once it is over, also to a machine that cannot see why it ended early', async () => {
    const bench = new Machines();
    void bench.clock.sleep(30_500).then(() => bench.living.delete(2));
    const { old } = await takeOver(bench, { by: 'resume', atMs: 25_000, host: 'old' }, { timeoutMs: 600_000 });
    const later = await readHeld(bench.on('third'), old.run);
    expect(later.journal.entries).toContainEqual(expect.objectContaining({ type: 'stood-back', forMs: 6_000 }));
    expect(await standBackFrom(bench.on('third'), later)).toBeUndefined();
  });

  it('does not wait for a process that is gone, nor for one that a person says is gone', async () => {
    const bench = new Machines();
    bench.store.crashAt({ append: 5, side: 'after' });
    const { run } = await bench.start(chain(1), bench.on('old', SHORT));
    bench.store.revive();
    const before = bench.clock.monotonic();
    const result = await bench.clock.runUntil(resumeRun({ ...bench.on('new'), run, ownerGone: 'I pulled the plug' }));
    expect([result.state, bench.waits('waiting')]).toEqual(['succeeded', []]);
    expect(bench.first('new')).toBe(before);
    expect(await bench.entry(run, 'owner')).toMatchObject({ ownerGone: 'I pulled the plug' });
  });

  it('is refused without a word from a person, and says what to type', async () => {
    const bench = new Machines();
    bench.store.crashAt({ append: 5, side: 'after' });
    const { run } = await bench.start(chain(1), bench.on('old', SHORT));
    bench.store.revive();
    const suggestions = expect.arrayContaining([expect.stringContaining(`resume ${run} --take-over`)]) as readonly string[];
    await expect(resumeRun({ ...bench.on('new'), run })).rejects.toMatchObject({ code: 'RUN_LOCKED', suggestions });
  });

  it.each(['resume', 'start'] as const)('by a %s counts lines that were acknowledged between its look and its opening', async (by) => {
    const { bench, old, run, newcomer } = await between();
    newcomer.store.before = async () => await old.append({ type: 'step-skipped', step: 'a' as StepId, reason: 'written in between' });
    const taken = await bench.clock.runUntil(takeCluster({ env: newcomer.env, cluster: CLUSTER, run: by === 'resume' ? run : OTHER }));
    if (by === 'resume') await bench.clock.runUntil(ownJournal({ env: newcomer.env, frozen: freeze(run), taken, frozenDigest: undefined }, 'run'));
    const { journal } = await bench.stored(run);
    expect(journal.entries).toContainEqual(expect.objectContaining({ reason: 'written in between' }));
    expect(journal.fencedLines).toBe(0);
    await expect(old.append({ type: 'alive' })).rejects.toMatchObject({ code: 'RUN_REPLACED' });
    expect((await bench.stored(run)).journal.entries).toEqual(journal.entries);
  });

  it('needs no wait when the owner ends in that very moment, and counts its end', async () => {
    const { bench, old, run, newcomer } = await between();
    newcomer.store.before = async () => await old.append({ type: 'ended', state: 'failed' });
    await bench.clock.runUntil(takeCluster({ env: newcomer.env, cluster: CLUSTER, run: OTHER }));
    expect(bench.waits('waiting')).toEqual([]);
    expect((await bench.stored(run)).state).toMatchObject({ status: 'superseded', supersededBy: OTHER, end: { state: 'failed' } });
  });
});

const OTHER = 'east-20260301T040000Z-0002' as RunId;

/** An owner with its journal open, and a newcomer to whose opening something can happen first. */
async function between() {
  const bench = new Machines();
  const env = bench.on('old');
  const frozen = freeze(OLD);
  const digest = await freezeRun(bench.store, frozen);
  const taken = await takeCluster({ env, cluster: CLUSTER, run: OLD });
  const old = await ownJournal({ env, frozen, taken, frozenDigest: digest }, 'run');
  const store = new BeforeOpening(bench.store);
  return { bench, old, run: OLD, newcomer: { env: { ...bench.on('new', {}, { store }), takeOver: WHY }, store } };
}

describe('a newcomer that does not live to the end of its wait', () => {
  /** A run whose owner may live, and a newcomer that dies so many milliseconds into its wait, or before its n-th line. */
  async function died(
    how: { readonly afterMs: number } | { readonly beforeLine: number },
    by: Take['by'] = 'resume',
  ): Promise<{ readonly bench: Machines; readonly run: RunId; readonly env: RunEnvironment<World> }> {
    const bench = new Machines();
    bench.store.crashAt({ append: 5, side: 'after' });
    const { run } = await bench.start(chain(1), bench.on('old', SHORT));
    bench.store.revive();
    const stop = new AbortController();
    const env = bench.on('new');
    const store = 'beforeLine' in how ? new DiesBefore(bench.store, how.beforeLine) : bench.store;
    const shared = { ...env, store, signal: stop.signal, takeOver: WHY };
    const attempt = by === 'resume' ? resumeRun({ ...shared, run }) : startRun({ ...shared, graph: chain(1), cluster: CLUSTER, mode: 'recovery', sources: {} });
    if ('afterMs' in how) void bench.clock.sleep(how.afterMs).then(() => stop.abort());
    await expect(bench.clock.runUntil(attempt)).rejects.toMatchObject({ code: 'afterMs' in how ? 'CANCELLED' : 'STORE_FAILED' });
    bench.living.delete(env.owner.pid);
    bench.events.length = 0;
    return { bench, run, env };
  }

  it.each(['resume', 'start'] as const)('by a %s leaves what is left of the wait to the next one on its machine', async (by) => {
    const { bench, run } = await died({ afterMs: 20_000 }, by);
    await bench.clock.advance(5_000);
    const begin = bench.clock.monotonic();
    const next =
      by === 'resume'
        ? resumeRun({ ...bench.on('new'), run })
        : startRun({ ...bench.on('new'), graph: chain(1), cluster: CLUSTER, mode: 'recovery', sources: {} });
    expect((await bench.clock.runUntil(next)).state).toBe('succeeded');
    expect(bench.waits('waiting')).toMatchObject([{ reason: WHY, forMs: TAKE_OVER_WAIT_MS - 25_000 }]);
    expect(bench.first('new')).toBe(begin + TAKE_OVER_WAIT_MS - 25_000);
  });

  it('leaves no more than the whole wait to one whose clock was set back', async () => {
    const { bench, run } = await died({ afterMs: 20_000 });
    const clock: Clock = {
      now: () => bench.clock.now() - 60 * 60_000,
      monotonic: () => bench.clock.monotonic(),
      sleep: async (ms, signal) => await bench.clock.sleep(ms, signal),
    };
    expect((await bench.clock.runUntil(resumeRun({ ...bench.on('new', {}, { clock }), run }))).state).toBe('succeeded');
    expect(bench.waits('waiting')).toMatchObject([{ forMs: TAKE_OVER_WAIT_MS }]);
  });

  it('leaves to another machine what is left by its own clock, whatever that machine takes for the time', async () => {
    const { bench, run } = await died({ afterMs: 20_000 });
    await bench.clock.advance(60 * 60_000);
    await bench.clock.runUntil(resumeRun({ ...bench.on('third'), run, takeOver: WHY }));
    // The line that ended the cancelled wait came 20 s into it.
    expect(bench.waits('waiting')).toMatchObject([{ forMs: TAKE_OVER_WAIT_MS - 20_000 }]);
  });

  it.each([1, 2])('makes the next one wait in full when it died before its line %i', async (beforeLine) => {
    const { bench, run } = await died({ beforeLine });
    const begin = bench.clock.monotonic();
    expect((await bench.clock.runUntil(resumeRun({ ...bench.on('new'), run }))).state).toBe('succeeded');
    expect(bench.waits('waiting')).toMatchObject([{ reason: WHY }]);
    expect(bench.first('new')).toBeGreaterThanOrEqual(begin + (beforeLine === 1 ? TAKE_OVER_WAIT_MS : 0));
  });

  it('can be resumed by the name that the superseded run gives as its successor', async () => {
    const { bench, run } = await died({ afterMs: 20_000 }, 'start');
    await expect(resumeRun({ ...bench.on('new'), run })).rejects.toMatchObject({ code: 'RUN_LOCKED' });
    const { supersededBy } = (await bench.stored(run)).state;
    expect((await bench.clock.runUntil(resumeRun({ ...bench.on('new'), run: supersededBy as RunId }))).state).toBe('succeeded');
  });
});

describe('a take-over at any moment', () => {
  const takes = fc.record({
    by: fc.constantFrom('resume' as const, 'start' as const),
    atMs: fc.nat(160_000),
    effectMs: fc.constantFrom(0, 1_000, 14_000, 40_000),
    deaf: fc.boolean(),
    away: fc.option(fc.tuple(fc.nat(160_000), fc.nat(120_000))),
  });

  it('leaves no acknowledged line uncounted, and nothing of the old owner is under way when the newcomer begins', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(takes, async ({ by, atMs, effectMs, deaf, away }) => {
        const bench = new Machines();
        const acknowledged: string[] = [];
        const store = new AwayRunStore(new Acknowledging(bench.store, acknowledged));
        if (away !== null) {
          const [leaves, forMs] = away;
          void bench.clock.sleep(leaves).then(() => store.goAway());
          void bench.clock.sleep(leaves + forMs).then(() => store.comeBack());
        }
        const { old, next } = await takeOver(bench, { by, atMs }, { effectMs, deaf, timeoutMs: 50_000, store });
        expect(next.state).toBe('succeeded');
        const { entries } = (await bench.stored(old.run)).journal;
        for (const line of acknowledged) {
          const entry = JSON.parse(line) as { readonly seq: number };
          expect(entries[entry.seq - 1]).toEqual(entry);
        }
        for (const { who, what, at, until } of bench.begun) {
          if (who !== 'old') continue;
          expect(at, `${what} begins`).toBeLessThan(bench.first('new'));
          expect(until, `${what} ends`).toBeLessThanOrEqual(bench.first('new'));
        }
        // Another run knows nothing of what this one did; a resume does.
        for (const [part, times] of bench.world.parts) expect(times, part).toBeLessThanOrEqual(by === 'resume' ? 1 : 2);
      }),
      { numRuns: 150 },
    );
  });
});

/** Passes everything on. */
abstract class Around implements RunStore {
  protected readonly store: RunStore;

  constructor(store: RunStore) {
    this.store = store;
  }

  get location(): string {
    return this.store.location;
  }

  async putIfAbsent(key: string, value: Uint8Array): Promise<boolean> {
    return await this.store.putIfAbsent(key, value);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return await this.store.get(key);
  }

  async list(prefix: string): Promise<readonly string[]> {
    return await this.store.list(prefix);
  }

  async openLog(run: string, owner: string, after: number): Promise<RunLog | undefined> {
    const log = await this.store.openLog(run, owner, after);
    return log === undefined
      ? undefined
      : { append: async (lines) => await this.append(log, lines), [Symbol.asyncDispose]: async () => await log[Symbol.asyncDispose]() };
  }

  async readLog(run: string): Promise<readonly LogSegment[]> {
    return await this.store.readLog(run);
  }

  async listRuns(): Promise<readonly string[]> {
    return await this.store.listRuns();
  }

  async readLogEnd(run: string): Promise<string | undefined> {
    return await this.store.readLogEnd(run);
  }

  async putEvidence(run: string, name: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.store.putEvidence(run, name, chunks);
  }

  protected async append(log: RunLog, lines: readonly string[]): Promise<void> {
    await log.append(lines);
  }
}

/** Does something once, right before a log is opened: between a newcomer's look and its opening. */
class BeforeOpening extends Around {
  before: (() => Promise<void>) | undefined;

  override async openLog(run: string, owner: string, after: number): Promise<RunLog | undefined> {
    const { before } = this;
    this.before = undefined;
    await before?.();
    return await super.openLog(run, owner, after);
  }
}

/** Tells of everything that a process writes, or tries to. */
class Writing extends Around {
  readonly #written: string[];

  constructor(store: RunStore, written: string[]) {
    super(store);
    this.#written = written;
  }

  override async putIfAbsent(key: string, value: Uint8Array): Promise<boolean> {
    this.#written.push(key);
    return await super.putIfAbsent(key, value);
  }

  override async putEvidence(run: string, name: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.#written.push(`evidence ${name}`);
    await super.putEvidence(run, name, chunks);
  }

  protected override async append(log: RunLog, lines: readonly string[]): Promise<void> {
    await super.append(log, lines).catch((error: unknown) => {
      this.#written.push('refused append');
      throw error;
    });
    this.#written.push('append');
  }
}

/** Keeps the lines whose append has resolved. */
class Acknowledging extends Around {
  readonly #kept: string[];

  constructor(store: RunStore, kept: string[]) {
    super(store);
    this.#kept = kept;
  }

  protected override async append(log: RunLog, lines: readonly string[]): Promise<void> {
    await log.append(lines);
    this.#kept.push(...lines);
  }
}

/** Of a process that is killed as it wants to append its n-th line. */
class DiesBefore extends Around {
  #left: number;

  constructor(store: RunStore, line: number) {
    super(store);
    this.#left = line;
  }

  protected override async append(log: RunLog, lines: readonly string[]): Promise<void> {
    this.#left -= 1;
    if (this.#left <= 0) throw new DrError({ code: 'STORE_FAILED', message: 'the process is gone' });
    await super.append(log, lines);
  }
}
