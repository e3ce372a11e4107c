import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ancestorsOf } from '../../../src/engine/graph.ts';
import type { StepGraph } from '../../../src/engine/graph-types.ts';
import type { JournalEntry, RequestVerb } from '../../../src/engine/journal-entries.ts';
import { openHolds } from '../../../src/engine/run-state.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { RunId, StepId } from '../../../src/model/ids.ts';
import { Persons } from './operator-harness.ts';
import { type Bench, graphOf, makeThing, node, statesOf } from './run-harness.ts';

const MINUTE = 60_000;

const scenarios = fc.integer({ min: 1, max: 7 }).chain((size) =>
  fc.record({
    nodes: fc.tuple(
      ...Array.from({ length: size }, (_, index) =>
        fc.record({
          needs: index === 0 ? fc.constant<number[]>([]) : fc.uniqueArray(fc.nat(index - 1), { maxLength: 3 }),
          ms: fc.integer({ min: 0, max: 20_000 }),
          stumbles: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.constant(1)),
          gate: fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, fc.constant({ reason: 'look', approve: 1 })),
          safety: fc.boolean(),
          holds: fc.boolean(),
        }),
      ),
    ),
    keepGoing: fc.boolean(),
    acts: fc.array(
      fc.record({
        at: fc.integer({ min: 0, max: 40_000 }),
        verb: fc.constantFrom<RequestVerb>('approve', 'approve', 'decline', 'pause', 'skip', 'retry', 'retry', 'cancel'),
        step: fc.nat(size - 1),
      }),
      { maxLength: 8 },
    ),
  }),
);

type Scenario = typeof scenarios extends fc.Arbitrary<infer S> ? S : never;

describe('a run that persons steer at random', () => {
  it('keeps every promise over a kill at any line as well: what was answered stands, what was put aside stays so, and nothing is done twice', {
    timeout: 120_000,
  }, async () => {
    let killed = 0;
    await fc.assert(
      fc.asyncProperty(scenarios, fc.integer({ min: 3, max: 40 }), fc.constantFrom('before', 'after'), async (scenario, append, side) => {
        const persons = new Persons();
        const { bench } = persons;
        stumbling(bench);
        const graph = graphFor(scenario);
        const sent: string[] = [];
        bench.store.crashAt({ append, side });
        const going = persons.beside(graph, async (id) => await act(persons, { run: id, scenario, sent }), { waitForAnswersMs: MINUTE });
        await going.catch((error: unknown) => {
          if (!bench.store.crashed) throw error;
        });
        killed += bench.store.crashed ? 1 : 0;
        // Whatever the process still had in hand comes to its end while nothing of it arrives any more.
        await bench.clock.advance(MINUTE);
        bench.store.revive();
        bench.living.clear();
        const run = await bench.onlyRun();
        if (run === undefined) throw new Error('it was killed before it began');
        await checkAnswers(bench, run, sent);
        await finish(bench, run, graph);
        await checkHolds(bench, run, scenario);
      }),
      { numRuns: 80 },
    );
    expect(killed).toBeGreaterThan(20);
  });

  it('ends, answers each request once, starts nothing after a pause, and comes to its end on resume with nothing done twice', {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const persons = new Persons();
        stumbling(persons.bench);
        const graph = graphFor(scenario);
        const sent: string[] = [];
        const { run } = await persons.beside(graph, async (id) => await act(persons, { run: id, scenario, sent }), { waitForAnswersMs: MINUTE });
        await checkAnswers(persons.bench, run, sent);
        checkPause(persons.bench);
        await finish(persons.bench, run, graph);
      }),
      { numRuns: 120 },
    );
  });
});

/** A kind that makes one part, takes its time, and fails as often as it is told to before it succeeds. */
function stumbling(bench: Bench): void {
  const falls = new Map<string, number>();
  bench.add({
    ...makeThing,
    kind: 'test/stumbles',
    execute: async (ctx) => {
      const { thing, ms, fails, parts, from } = ctx.with;
      if (from.includes('holds')) await ctx.hold({ id: holdOf(thing), kind: 'backup-location', subject: thing, prior: {}, releaseWhen: 'verified' });
      for (let index = 0; index < parts; index += 1) {
        const part = `${thing}-${index}`;
        const check = async () => (ctx.ports.parts.has(part) ? ({ state: 'done', result: part } as const) : ({ state: 'todo', evidence: {} } as const));
        await ctx.effect({ name: 'make', key: part, timeoutMs: 30_000, check, run: async () => (ctx.ports.make(part), part) });
      }
      await ctx.clock.sleep(ms, ctx.signal);
      const fallen = falls.get(thing) ?? 0;
      falls.set(thing, fallen + 1);
      if (fails && fallen === 0) throw new DrError({ code: 'STEP_FAILED', message: 'it stumbles' });
      ctx.ports.finish(thing);
    },
  });
}

function holdOf(thing: string): string {
  return `backup-location/${thing}`;
}

/** Everything is put aside once, before what it is put aside for is done, and nothing is put back by a failure, a cancel, a kill or a resume. */
async function checkHolds(bench: Bench, run: RunId, { nodes }: Scenario): Promise<void> {
  const { journal, state } = await bench.stored(run);
  const at = (fits: (entry: JournalEntry) => boolean): readonly number[] => journal.entries.flatMap((entry, index) => (fits(entry) ? [index] : []));
  expect(at(({ type }) => type === 'released')).toEqual([]);
  for (const [index, { holds }] of nodes.entries()) {
    const thing = `n${index}`;
    const held = at((entry) => entry.type === 'held' && entry.hold.id === holdOf(thing));
    const begun = at((entry) => entry.type === 'effect-intent' && entry.step === thing);
    expect(held.length, thing).toBeLessThanOrEqual(holds ? 1 : 0);
    if (holds && begun.length > 0) expect(held, thing).toHaveLength(1);
    if (held[0] !== undefined && begun[0] !== undefined) expect(held[0], thing).toBeLessThan(begun[0]);
  }
  expect(openHolds(state).length).toBe(at(({ type }) => type === 'held').length);
}

function graphFor({ nodes, keepGoing }: Scenario): StepGraph {
  const steps = nodes.map(({ needs, ms, stumbles, gate, safety, holds }, index) =>
    node(`n${index}`, {
      uses: 'test/stumbles',
      needs: needs.map((need) => `n${need}`),
      with: { ms, parts: 1, fails: stumbles > 0, from: holds ? ['holds'] : [] },
      safety,
      ...(gate === undefined ? {} : { gate }),
    }),
  );
  return graphOf(steps, { keepGoing });
}

async function act(persons: Persons, { run, scenario, sent }: { readonly run: RunId; readonly scenario: Scenario; readonly sent: string[] }): Promise<void> {
  const began = persons.bench.clock.monotonic();
  await Promise.all(
    scenario.acts.map(async ({ at, verb, step }, index) => {
      await persons.bench.clock.sleep(Math.max(0, at - began));
      const id = `n${step}` as StepId;
      try {
        const asked = (await persons.record(run, id))?.asked?.shown;
        const about = verb === 'pause' || verb === 'cancel' ? {} : { step: id, reason: 'because', ...(asked === undefined ? {} : { shown: asked }) };
        sent.push((await persons.send(run, { verb, by: `person-${index}`, ...about })).id);
      } catch (error) {
        // Refused with a reason, or the run had ended, or was killed; anything else is a fault.
        if (!persons.bench.store.crashed) expect(error).toMatchObject({ code: expect.stringMatching(/^(REQUEST_REJECTED|RUN_NOT_RUNNING)$/) });
      }
    }),
  );
}

async function checkAnswers(bench: Bench, run: RunId, sent: readonly string[]): Promise<void> {
  const { journal } = await bench.stored(run);
  const answered = journal.entries.flatMap((entry) => (entry.type === 'request' ? [entry.request] : []));
  expect(new Set(answered).size, 'each request is answered once').toBe(answered.length);
  for (const id of sent) expect(answered).toContain(id);
}

function checkPause({ events }: Bench): void {
  const at = events.findIndex((event) => event.type === 'request' && event.request.verb === 'pause' && event.outcome === 'accepted');
  if (at === -1) return;
  const after = events.slice(at).filter((event) => event.type === 'step-state' && event.state === 'running');
  expect(after, 'nothing starts after a pause').toEqual([]);
}

/** Resumes with every gate approved until nothing fails any more. */
async function finish(bench: Bench, run: RunId, graph: StepGraph): Promise<void> {
  const approve = graph.nodes.flatMap(({ id, gate }) => (gate === undefined ? [] : [id]));
  let result = await bench.resume(run, { decisions: { approve, attest: {} } });
  for (let times = 0; times < graph.nodes.length && result.state !== 'succeeded'; times += 1) {
    result = await bench.resume(run, { decisions: { approve, attest: {} } });
  }
  expect(result.state).toBe('succeeded');
  expect(Object.values(statesOf(result)).filter((state) => state !== 'succeeded' && state !== 'skipped')).toEqual([]);
  for (const [part, times] of bench.world.parts) expect(times, part).toBe(1);
  checkOrder(bench, graph, statesOf(result));
}

/** No part is made before those of the steps it needs, unless a person left these out. */
function checkOrder({ world }: Bench, graph: StepGraph, states: Readonly<Record<string, string>>): void {
  const made = world.log.map((line) => line.slice('make '.length, -'-0'.length));
  const ancestors = ancestorsOf(graph.nodes);
  for (const { id, safety } of graph.nodes) {
    for (const ancestor of ancestors(id)) {
      if (states[id] !== 'succeeded' || states[ancestor] !== 'succeeded') continue;
      expect(made.indexOf(ancestor), `${ancestor} before ${id}`).toBeLessThan(made.indexOf(id));
    }
    if (safety) expect(states[id], `${id} is a safety step`).toBe('succeeded');
  }
}
