import { describe, expect, it } from 'vitest';
import type { StepGraph } from '../../../src/engine/graph-types.ts';
import type { ChangeAnswer, ChangeQuestion, Prompter } from '../../../src/engine/prompter.ts';
import type { ResumeRunOptions, RunResult } from '../../../src/engine/run-options.ts';
import type { RunId } from '../../../src/model/ids.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import { levelKind } from './level-kind.ts';
import { Bench, graphOf, node, statesOf, type World } from './run-harness.ts';

/** A bench with one kind of each answer to a changed input, and what they did. */
function levels(): { readonly bench: Bench; readonly done: string[] } {
  const bench = new Bench();
  const done: string[] = [];
  bench.add(levelKind('test/fixed', done));
  bench.add(levelKind('test/converging', done, { whenChanged: 'again' }));
  bench.add(levelKind('test/look', done, { risk: 'read-only' }));
  bench.add(levelKind('test/defined', done, { definedBy: ['source'] }));
  return { bench, done };
}

const level = { $expr: 'plan.level' };

/** One step of a kind, and behind it one that fails while the plan says so. */
function graph(uses: string, plan: JsonObject, input: JsonObject = { level }): StepGraph {
  return graphOf(
    [node('first', { uses, risk: 'reversible', with: input }), node('last', { needs: ['first'], with: { thing: 'last', fails: { $expr: 'plan.fails' } } })],
    { plan },
  );
}

const FAILING = { level: 1, fails: true };
const MENDED = { level: 2, fails: false };

async function resumeWith(bench: Bench, run: RunId, { now, ...overrides }: Partial<ResumeRunOptions<World>> & { readonly now: StepGraph }): Promise<RunResult> {
  return await bench.resume(run, { graph: now, change: { graph: now, sources: { plan: 'new.yaml' } }, ...overrides });
}

async function entriesOf(bench: Bench, run: RunId, type: string): Promise<readonly object[]> {
  return (await bench.stored(run)).journal.entries.filter((entry) => entry.type === type);
}

describe('a plan that was corrected in the middle of a run', () => {
  it('stops a resume that does not name it, with what differs and the command that takes it over', async () => {
    const { bench } = levels();
    const { run } = await bench.start(graph('test/converging', FAILING));
    const before = await bench.store.readLog(run);
    const refused = bench.resume(run, { graph: graph('test/converging', MENDED), changeCommand: 'lattice-dr resume x --plan y' });
    await expect(refused).rejects.toMatchObject({
      code: 'RUN_CHANGED',
      kind: 'precondition',
      details: {
        changes: [
          'plan: fails: true -> false',
          'plan: level: 1 -> 2',
          "step 'first' (done; is looked at and proven again): with.level: 1 -> 2",
          "step 'last': with.fails: true -> false",
        ],
      },
      suggestions: ['to go on with it as it is now: lattice-dr resume x --plan y', expect.any(String)],
    });
    expect(await bench.store.readLog(run)).toEqual(before);
  });

  it('is taken over: what converges is done again, what had failed goes on, and both digests are in the journal', async () => {
    const { bench, done } = levels();
    const { run } = await bench.start(graph('test/converging', FAILING));
    const first = await bench.stored(run);
    const result = await resumeWith(bench, run, { now: graph('test/converging', MENDED) });
    expect(result.state).toBe('succeeded');
    expect(done).toEqual(['first to 1', 'prove first 1', 'first to 2', 'prove first 2']);
    const { frozen, current, digest, state } = await bench.stored(run);
    expect([frozen.graph.plan, frozen.sources]).toEqual([MENDED, { plan: 'new.yaml' }]);
    expect(digest).toBe(first.digest);
    expect(await entriesOf(bench, run, 'changed')).toEqual([
      expect.objectContaining({ number: 2, before: first.digest, frozen: current, by: 'ops', touched: ['first', 'last'] }),
    ]);
    expect(state.changes.map(({ number, frozen: to }) => [number, to])).toEqual([[2, current]]);
    expect(bench.events).toContainEqual(expect.objectContaining({ type: 'journal', message: 'changed: plan: level: 1 -> 2' }));
  });

  it('is refused with both values when it touches a step that cannot be done otherwise afterwards', async () => {
    const { bench, done } = levels();
    const { run } = await bench.start(graph('test/fixed', FAILING));
    const lines = (await bench.told(run)).length;
    const refused = resumeWith(bench, run, { now: graph('test/fixed', MENDED) });
    await expect(refused).rejects.toMatchObject({
      code: 'RUN_CHANGED',
      details: { refused: [{ step: 'first', fields: [{ path: 'with.level', from: 1, to: 2 }] }] },
    });
    await expect(refused).rejects.toThrow("step 'first' (done; cannot be changed): with.level: 1 -> 2");
    expect((await bench.told(run)).length).toBe(lines);
    expect(done).toEqual(['first to 1', 'prove first 1']);
  });

  it('is allowed for a step of that kind which has not succeeded', async () => {
    const { bench, done } = levels();
    const { run } = await bench.start(graph('test/fixed', FAILING, { level, max: 0 }));
    const result = await resumeWith(bench, run, { now: graph('test/fixed', MENDED, { level, max: 5 }) });
    expect([result.state, done]).toEqual(['succeeded', ['first to 1', 'first to 2', 'prove first 2']]);
  });

  it('lets a step that only looks prove itself again', async () => {
    const { bench, done } = levels();
    const { run } = await bench.start(graph('test/look', FAILING));
    await resumeWith(bench, run, { now: graph('test/look', { ...FAILING, level: 3, fails: false }) });
    expect(done.at(-1)).toBe('prove first 3');
  });

  it.each([
    ['stands when it would make the same', 1, 'succeeded'],
    ['is refused when it would not', 2, 'refused'],
  ] as const)('with another definition of what is made %s', async (_name, to, outcome) => {
    const { bench, done } = levels();
    const levelOf = (source: string): number => (source === 'old' ? 1 : to);
    bench.add(
      levelKind('test/defined', done, { definedBy: ['source'], plan: async (ctx) => [{ verb: 'create', subject: `level ${levelOf(ctx.with.source)}` }] }),
    );
    const input = { level: 1, source: { $expr: 'plan.source' } } as unknown as JsonObject;
    const { run } = await bench.start(graph('test/defined', { source: 'old', fails: true }, input));
    const now = graph('test/defined', { source: 'new', fails: false }, input);
    const resumed = resumeWith(bench, run, { now });
    if (outcome === 'refused') await expect(resumed).rejects.toThrow("step 'first' has succeeded, and would make something else now (plan[0].subject)");
    else expect((await resumed).state).toBe('succeeded');
    expect(done).toEqual(['first to 1', 'prove first 1']);
  });

  it('may say otherwise how a done step is run, may add steps, and may not drop or replace one that is done', async () => {
    const { bench } = levels();
    const { run } = await bench.start(graphOf([node('a'), node('b', { needs: ['a'], with: { thing: 'b', fails: true } })]));
    const replaced = graphOf([node('a', { uses: 'test/converging', with: { level: 1 } }), node('b', { needs: ['a'] })]);
    await expect(resumeWith(bench, run, { now: replaced })).rejects.toMatchObject({ code: 'RUN_CHANGED' });
    await expect(resumeWith(bench, run, { now: graphOf([node('b')]) })).rejects.toThrow("step 'a' (done; cannot be changed) is gone");
    await expect(resumeWith(bench, run, { now: graphOf([node('a', { skipped: 'not here' }), node('b', { needs: ['a'] })]) })).rejects.toThrow(
      'skipped: nothing -> "not here"',
    );
    const wider = graphOf([node('new'), node('a', { timeoutMs: 5, needs: ['new'] }), node('b', { needs: ['a'] })]);
    const result = await resumeWith(bench, run, { now: wider });
    expect(statesOf(result)).toEqual({ new: 'succeeded', a: 'succeeded', b: 'succeeded' });
    expect(result.steps.find(({ id }) => id === 'a')?.found).toBe(true);
  });

  it('is asked about on a terminal, and a no changes nothing', async () => {
    const { bench } = levels();
    const { run } = await bench.start(graph('test/converging', FAILING));
    const lines = await bench.told(run);
    const asked: ChangeQuestion[] = [];
    const person = (answer: ChangeAnswer): Prompter => ({
      ask: async () => ({ answer: 'unavailable' }),
      askUnknown: async () => ({ answer: 'unavailable' }),
      askChange: async (question) => (asked.push(question), answer),
    });
    const now = graph('test/converging', MENDED);
    await expect(resumeWith(bench, run, { now, prompter: person({ answer: 'declined', by: 'ann' }) })).rejects.toMatchObject({ code: 'GATE_DECLINED' });
    expect(await bench.told(run)).toEqual(lines);
    expect((await resumeWith(bench, run, { now, prompter: person({ answer: 'approved', by: 'ann' }) })).state).toBe('succeeded');
    expect(asked.map(({ changes }) => changes[0])).toEqual(['plan: fails: true -> false', 'plan: fails: true -> false']);
  });

  it('is compared with what was taken over last when the run is resumed once more', async () => {
    const { bench } = levels();
    const { run } = await bench.start(graph('test/converging', FAILING));
    const second = graph('test/converging', { level: 2, fails: true });
    expect((await resumeWith(bench, run, { now: second })).state).toBe('failed');
    expect((await bench.resume(run, { graph: second })).state).toBe('failed');
    await expect(bench.resume(run, { graph: graph('test/converging', FAILING) })).rejects.toMatchObject({ code: 'RUN_CHANGED' });
    const third = graph('test/converging', { level: 3, fails: false });
    expect((await resumeWith(bench, run, { now: third })).state).toBe('succeeded');
    expect((await bench.stored(run)).state.changes.map(({ number }) => number)).toEqual([2, 3]);
  });

  it('needs no question when only the place of files has changed, and leaves what is done as it is', async () => {
    const { bench, done } = levels();
    const { run } = await bench.start(graph('test/fixed', FAILING));
    const same = graph('test/fixed', FAILING);
    const moved = graph('test/fixed', { ...FAILING, level: 1, folder: '/elsewhere' });
    await bench.resume(run, { graph: same, change: { graph: moved, sources: { plan: '/elsewhere/plan.yaml' } } });
    const { frozen, state } = await bench.stored(run);
    expect([frozen.graph.plan['folder'], state.changes.map(({ changes }) => changes)]).toEqual(['/elsewhere', [['the files of the plan lie elsewhere']]]);
    expect(done).toEqual(['first to 1', 'prove first 1']);
  });
});

describe('a gate before a step whose plan changed', () => {
  const gated = (plan: JsonObject): StepGraph =>
    graphOf(
      [
        node('first', { uses: 'test/look', risk: 'read-only', gate: { reason: 'look at it', approve: 1 }, with: { level } }),
        node('last', { needs: ['first'], with: { thing: 'last', fails: { $expr: 'plan.fails' } } }),
      ],
      { plan },
    );
  const approved = { decisions: { approve: ['first'], attest: {} } };

  it('asks again although the step is done, and lets an approval of the same changes stand', async () => {
    const { bench } = levels();
    const { run } = await bench.start(gated(FAILING), approved);
    const waiting = await resumeWith(bench, run, { now: gated(MENDED) });
    expect([waiting.state, waiting.error?.code]).toEqual(['waiting', 'GATE_WAITING']);
    expect((await bench.resume(run, { graph: gated(MENDED), ...approved })).state).toBe('succeeded');
    expect(await entriesOf(bench, run, 'gate-asked')).toHaveLength(3);
  });

  it('asks again although the step finds nothing to do, as one does whose gate is all there is to it', async () => {
    const { bench, done } = levels();
    const outputs = { level: 0 };
    const observe = async () => ({ state: 'present', outputs, evidence: {} }) as const;
    bench.add(levelKind('test/look', done, { risk: 'read-only', observe, verify: async () => ({ ok: true, outputs, evidence: {} }) }));
    const { run } = await bench.start(gated(FAILING), approved);
    expect((await bench.resume(run, { graph: gated(FAILING) })).state).toBe('failed');
    const waiting = await resumeWith(bench, run, { now: gated(MENDED) });
    expect([waiting.state, waiting.error?.code]).toEqual(['waiting', 'GATE_WAITING']);
    expect((await bench.resume(run, { graph: gated(MENDED), ...approved })).state).toBe('succeeded');
  });

  it('does not ask again when what it shows is the same', async () => {
    const { bench } = levels();
    const { run } = await bench.start(gated(FAILING), approved);
    expect((await resumeWith(bench, run, { now: gated({ ...FAILING, fails: false }) })).state).toBe('succeeded');
    expect(await entriesOf(bench, run, 'gate-asked')).toHaveLength(1);
  });
});

describe('a death while a change is taken over', () => {
  it('before the line leaves the run as it was, after it the change holds; a number is used once', async () => {
    const now = graph('test/converging', MENDED);
    for (const side of ['before', 'after'] as const) {
      const { bench } = levels();
      const { run } = await bench.start(graph('test/converging', FAILING));
      bench.store.crashAt({ append: 2, side });
      await expect(bench.resumeAsIs(run, { graph: now, change: { graph: now, sources: {} } })).rejects.toThrow();
      bench.store.revive();
      const { state, frozen } = await bench.stored(run);
      expect([side, state.changes.length, frozen.graph.plan['level']]).toEqual(side === 'before' ? [side, 0, 1] : [side, 1, 2]);
      const result = await resumeWith(bench, run, { now });
      expect([side, result.state, (await bench.stored(run)).state.changes.map(({ number }) => number)]).toEqual([
        side,
        'succeeded',
        [side === 'before' ? 3 : 2],
      ]);
    }
  });

  it('is seen when the file that the journal names is gone or another one', async () => {
    const { bench } = levels();
    const { run } = await bench.start(graph('test/converging', FAILING));
    await resumeWith(bench, run, { now: graph('test/converging', { ...MENDED, fails: true }) });
    const get = bench.store.get.bind(bench.store);
    bench.store.get = async (key) => {
      const content = await get(key);
      return key.endsWith('run-2.json')
        ? Buffer.from(
            Buffer.from(content ?? [])
              .toString()
              .replace('"level":2', '"level":9'),
          )
        : content;
    };
    await expect(bench.resume(run)).rejects.toMatchObject({ code: 'RUN_CHANGED', message: expect.stringContaining(`runs/${run}/run-2.json`) });
  });
});

describe('effects of a step that has not succeeded', () => {
  it('are asked about in the world when the step is given something else, instead of counting as done', async () => {
    const bench = new Bench();
    const before = graphOf([node('a', { with: { thing: 'a', parts: 2, fails: true } })]);
    const { run } = await bench.start(before);
    bench.world.parts.delete('a-1');
    const now = graphOf([node('a', { with: { thing: 'a', parts: 3, fails: false } })]);
    expect((await resumeWith(bench, run, { now })).state).toBe('succeeded');
    expect(bench.world.log).toEqual(['make a-0', 'make a-1', 'make a-1', 'make a-2']);
  });
});
