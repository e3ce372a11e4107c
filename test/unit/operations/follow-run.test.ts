import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../src/engine/events.ts';
import type { StepGraph } from '../../../src/engine/graph-types.ts';
import { encodeLine, readJournal } from '../../../src/engine/journal-chain.ts';
import { readRun } from '../../../src/engine/run-files.ts';
import type { RunId, StepId } from '../../../src/model/ids.ts';
import { type FollowedRun, followRun } from '../../../src/operations/follow-run.ts';
import { JournalEvents } from '../../../src/operations/journal-events.ts';
import type { RunStore } from '../../../src/ports/run-store.ts';
import { Bench, graphOf, node, processOwner } from '../engine/run-harness.ts';

/** What a view would show at the end, and what it would have told on the way; without what only the living process knows. */
function told(events: readonly RunEvent[]) {
  const states = new Map<string, readonly unknown[]>();
  for (const event of events) if (event.type === 'step-state') states.set(event.step, [event.state, event.reason, event.evidence]);
  const lines = events.flatMap((event) => {
    if (event.type === 'effect') return event.state === 'found-done' ? [] : [`effect ${event.step} ${event.name} ${event.key} ${event.state}`];
    if (event.type === 'gate') return [`gate ${event.step} ${event.state} ${event.by ?? ''}`];
    if (event.type === 'hold') return [`hold ${event.hold.id} ${event.state}`];
    if (event.type === 'step-retry') return [`retry ${event.step} ${event.attempt} ${event.delayMs} ${event.error.code}`];
    return event.type === 'run-ended' ? [`ended ${event.state} ${event.elapsedMs}`] : [];
  });
  const steps = events.findLast((event) => event.type === 'run-started');
  return { states: [...states].filter(([, [state]]) => state !== 'pending').sort(([a], [b]) => a.localeCompare(b)), lines: lines.sort(), steps: steps?.steps };
}

async function fromJournal(bench: Bench, run: RunId): Promise<readonly RunEvent[]> {
  const { frozen, journal } = await readRun(bench.store, run);
  const events = new JournalEvents(run);
  const last = journal.entries.findLastIndex(({ type }) => type === 'owner');
  for (const entry of journal.entries.slice(0, last)) events.skip(entry);
  return journal.entries.slice(last).flatMap((entry) => events.eventsOf(entry, frozen.graph.nodes));
}

const KINDS = ['plain', 'plain', 'plain', 'fails', 'always', 'skipped', 'confirmed', 'asked'] as const;

function graphs(): fc.Arbitrary<StepGraph> {
  const part = fc.record({
    needs: fc.array(fc.nat(9), { maxLength: 3 }),
    parts: fc.nat(2),
    ms: fc.constantFrom(0, 5, 20_000),
    kind: fc.constantFrom(...KINDS),
  });
  return fc.tuple(fc.array(part, { minLength: 1, maxLength: 6 }), fc.boolean()).map(([parts, keepGoing]) =>
    graphOf(
      parts.map(({ needs, parts: count, ms, kind }, index) =>
        node(`n${index}`, {
          needs: index === 0 ? [] : [...new Set(needs.map((need) => `n${need % index}`))],
          with: { parts: count, ms, fails: kind === 'fails' },
          ...(kind === 'always' ? { always: true } : {}),
          ...(kind === 'skipped' ? { skipped: 'not today' } : {}),
          ...(kind === 'confirmed' ? { gate: { reason: 'it destroys', confirm: 'cluster' as const } } : {}),
          ...(kind === 'asked' ? { gate: { reason: 'somebody decides', approve: 1 } } : {}),
        }),
      ),
      { keepGoing },
    ),
  );
}

describe('a journal told as events', () => {
  it('ends every step as the living run said, with the same effects, decisions and end', async () => {
    await fc.assert(
      fc.asyncProperty(graphs(), async (graph) => {
        const bench = new Bench();
        const { run } = await bench.start(graph, { decisions: { approve: [], attest: {}, confirm: 'east' } });
        expect(told(await fromJournal(bench, run))).toEqual(told(bench.events));
      }),
      { numRuns: 60 },
    );
  });

  it('does so for a resume after a crash anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(graphs(), fc.integer({ min: 4, max: 40 }), async (graph, append) => {
        const bench = new Bench();
        bench.store.crashAt({ append, side: 'after' });
        const { run } = await bench.start(graph);
        const crashed = bench.store.crashed;
        bench.events.length = 0;
        bench.store.revive();
        const { state } = await readRun(bench.store, run);
        if (!crashed || state.end?.state === 'succeeded') return;
        await bench.resume(run, {
          decisions: { approve: graph.nodes.filter(({ gate }) => gate?.approve !== undefined).map(({ id }) => id), attest: {}, confirm: 'east' },
        });
        expect(told(await fromJournal(bench, run))).toEqual(told(bench.events));
      }),
      { numRuns: 60 },
    );
  });
});

const LONG = graphOf([node('a', { with: { parts: 1, ms: 30_000 } }), node('b', { needs: ['a'], with: { ms: 30_000 } })]);

/** Follows from another machine, in turns of the clock. */
function follow(bench: Bench, run: RunId, options: { readonly isAlive?: boolean; readonly store?: RunStore } = {}) {
  const { isAlive = true, store = bench.store } = options;
  const events: RunEvent[] = [];
  const stop = new AbortController();
  const tools = { store, clock: bench.clock, owner: processOwner(1), isAlive: async () => isAlive, everyMs: 1_000, signal: stop.signal };
  const ended: Promise<FollowedRun> = followRun(run, tools, (event) => events.push(event));
  return { events, stop, ended };
}

async function begin(bench: Bench): Promise<{ readonly run: RunId; readonly going: Promise<unknown>; readonly cancel: AbortController }> {
  const cancel = new AbortController();
  const going = bench.start(LONG, { signal: cancel.signal });
  for (let run = await bench.onlyRun(); ; run = await bench.onlyRun()) {
    if (run !== undefined) return { run, going, cancel };
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('following a run', () => {
  it('tells what has happened, then each line as it comes, and ends with the run', async () => {
    const bench = new Bench();
    const { run, going } = await begin(bench);
    const { events, ended } = follow(bench, run);
    await going;
    const followed = await bench.clock.runUntil(ended);
    expect(followed).toMatchObject({ standing: 'succeeded', detached: false });
    expect(told(events)).toEqual(told(bench.events));
    expect(new Set(events.map(({ at }) => at)).size).toBeGreaterThan(2);
  });

  it('stops looking when it is told to, and leaves the run alone', async () => {
    const bench = new Bench();
    const { run, going } = await begin(bench);
    const { stop, ended } = follow(bench, run);
    stop.abort();
    const followed = await ended;
    expect(followed).toMatchObject({ standing: 'running', detached: true });
    expect(followed.next.at(-1)?.command).toBe(`lattice-dr attach ${run}`);
    expect(await going).toMatchObject({ state: 'succeeded' });
  });

  it('ends when the process is gone, with the command that goes on', async () => {
    const bench = new Bench();
    bench.store.crashAt({ append: 5, side: 'after' });
    const { run } = await bench.start(LONG);
    bench.store.revive();
    const { ended } = follow(bench, run, { isAlive: false });
    expect(await ended).toMatchObject({ standing: 'interrupted', detached: false, next: [{ command: `lattice-dr resume ${run}` }] });
  });

  it('says once that a process elsewhere is silent, and goes on looking', async () => {
    const bench = new Bench();
    bench.store.crashAt({ append: 5, side: 'after' });
    const { run } = await bench.start(LONG, { owner: processOwner(7, { host: 'there' }) });
    bench.store.revive();
    const { events, stop, ended } = follow(bench, run);
    await bench.clock.advance(60_000);
    stop.abort();
    expect(await ended).toMatchObject({ standing: 'silent', detached: true });
    expect(events.filter((event) => event.type === 'journal' && event.message.includes('45 s'))).toHaveLength(1);
  });

  it('starts with the owner that has the run now, and does not tell the ones before', async () => {
    const bench = new Bench();
    bench.store.crashAt({ append: 8, side: 'after' });
    const { run } = await bench.start(LONG);
    bench.events.length = 0;
    await bench.resume(run);
    const { events, ended } = follow(bench, run);
    await ended;
    expect(events[0]).toMatchObject({ type: 'run-started', resumed: true });
    expect(told(events)).toEqual(told(bench.events));
  });

  it('takes back lines of an owner that had been replaced, and tells the one that followed', async () => {
    const bench = new Bench();
    bench.store.crashAt({ append: 6, side: 'after' });
    const { run } = await bench.start(LONG);
    await bench.resume(run);
    const [first, second] = await bench.store.readLog(run);
    if (first === undefined || second === undefined) throw new Error('there are not two owners');
    const { end, entries } = readJournal(run, [first]);
    const late = encodeLine({ type: 'step-skipped', step: 'b' as StepId, reason: 'written too late' }, end, entries.at(-1)?.at ?? '').line;
    const replaced = { ...first, text: `${first.text}${late}\n` };
    const looks = [[replaced], [replaced, second]];
    const store: RunStore = {
      location: 'memory',
      get: async (key) => await bench.store.get(key),
      list: async (prefix) => await bench.store.list(prefix),
      readLog: async () => looks.shift() ?? [replaced, second],
      listRuns: forbidden,
      readLogEnd: forbidden,
      putIfAbsent: forbidden,
      openLog: forbidden,
      putEvidence: forbidden,
    };
    const { events, ended } = follow(bench, run, { store });
    expect((await bench.clock.runUntil(ended)).standing).toBe('succeeded');
    const at = events.findIndex((event) => event.type === 'journal' && event.message.startsWith('1 line does not count'));
    expect(at).toBeGreaterThan(0);
    expect(events.slice(0, at).some((event) => event.type === 'step-state' && event.reason === 'written too late')).toBe(true);
    expect(events.slice(at + 1).filter(({ type }) => type === 'run-started')).toHaveLength(1);
    expect(told(events.slice(at + 1))).toMatchObject({ states: [expect.arrayContaining(['a']), expect.arrayContaining(['b'])] });
  });
});

/** Following reads only. */
async function forbidden(): Promise<never> {
  throw new Error('following wrote to the store');
}
