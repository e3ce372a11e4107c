import { describe, expect, it } from 'vitest';
import type { Gate } from '../../../src/engine/graph-types.ts';
import type { GateQuestion, Prompter } from '../../../src/engine/prompter.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { StepId } from '../../../src/model/ids.ts';
import { Persons } from './operator-harness.ts';
import { Bench, graphOf, makeThing, node, statesOf } from './run-harness.ts';

const APPROVE: Gate = { reason: 'traffic moves', approve: 1 };
const TRIES = { attempts: 3, firstDelayMs: 60_000, maxDelayMs: 60_000 };
const decisions = { approve: ['b'], attest: {} };

interface Plan {
  /** What the step would change now. */
  subjects: string[];
  /** Calls of `execute`, with what was planned then. */
  readonly executed: string[];
  /** What a try does besides: the first ones fail. */
  act: (number: number) => void;
}

/** A kind whose plan the test decides. */
function planned(bench: Bench, plan: Plan): void {
  bench.add({
    ...makeThing,
    kind: 'test/planned',
    plan: async () => plan.subjects.map((subject) => ({ verb: 'create' as const, subject })),
    execute: async (ctx) => {
      plan.executed.push(plan.subjects.join(','));
      plan.act(plan.executed.length);
      ctx.ports.finish(ctx.with.thing);
    },
  });
}

/** An `act` whose first try fails, having changed the plan to this. */
function thenPlans(plan: Plan, subjects: readonly string[]): (number: number) => void {
  return (number) => {
    if (number > 1) return;
    plan.subjects = [...subjects];
    throw new DrError({ code: 'STEP_FAILED', message: 'not yet', retry: 'retryable' });
  };
}

function failing(bench: Bench, after: readonly string[]): Plan {
  const plan: Plan = { subjects: ['x', 'y'], executed: [], act: () => undefined };
  plan.act = thenPlans(plan, after);
  planned(bench, plan);
  return plan;
}

/** A person who says yes, no from the `no`th question on, and whose questions are kept. */
function person(no = Number.POSITIVE_INFINITY): Prompter & { readonly asked: GateQuestion[] } {
  const asked: GateQuestion[] = [];
  const ask: Prompter['ask'] = async (question) => (asked.push(question), { answer: asked.length >= no ? 'declined' : 'approved', by: 'ann' });
  return { asked, ask, askUnknown: async () => ({ answer: 'unavailable' }) };
}

function subjectsOf({ asked }: { readonly asked: readonly GateQuestion[] }): readonly (readonly string[])[] {
  return asked.map(({ changes }) => changes.map(({ subject }) => subject));
}

const graph = graphOf([node('b', { uses: 'test/planned', gate: APPROVE, retry: TRIES, timeoutMs: 3_600_000 })]);

describe('a gate before a step is tried again', () => {
  it('is asked again when the step would do something else now, and a no is obeyed', async () => {
    for (const [no, state, executed] of [
      [3, 'succeeded', ['x,y', 'x,z']],
      [2, 'failed', ['x,y']],
    ] as const) {
      const bench = new Bench();
      const plan = failing(bench, ['x', 'z']);
      const prompter = person(no);
      const result = await bench.start(graph, { prompter });
      expect([result.state, plan.executed]).toEqual([state, executed]);
      expect(subjectsOf(prompter)).toEqual([
        ['x', 'y'],
        ['x', 'z'],
      ]);
    }
  });

  it('stands for the same plan, and for what is left of it', async () => {
    for (const left of [['x', 'y'], ['y'], []]) {
      const bench = new Bench();
      const plan = failing(bench, left);
      const prompter = person();
      const result = await bench.start(graph, { prompter });
      expect([result.state, plan.executed, prompter.asked.length]).toEqual(['succeeded', ['x,y', left.join(',')], 1]);
    }
  });

  it('is not asked between two tries, so nobody can decline there: whoever wants the step stopped cancels the run', async () => {
    const persons = new Persons();
    const plan = failing(persons.bench, ['x']);
    const result = await persons.beside(
      graph,
      async (run) => {
        await persons.until(async () => (plan.executed.length > 0 ? true : undefined));
        const { state } = await persons.bench.stored(run);
        const shown = state.steps.get('b' as StepId)?.asked?.shown;
        const refusal = await persons.refused(run, {
          verb: 'decline',
          step: 'b' as StepId,
          by: 'bob',
          reason: 'no',
          ...(shown === undefined ? {} : { shown }),
        });
        expect(refusal.code).toBe('REQUEST_REJECTED');
        await persons.send(run, { verb: 'cancel', by: 'bob' });
      },
      { decisions },
    );
    expect([result.state, plan.executed]).toEqual(['cancelled', ['x,y']]);
  });

  it('does not take a flag twice: it was typed for what was planned first', async () => {
    const bench = new Bench();
    const plan = failing(bench, ['z']);
    const first = await bench.start(graph, { decisions });
    expect(first).toMatchObject({ state: 'waiting', error: { code: 'GATE_WAITING' } });
    expect(plan.executed).toEqual(['x,y']);
    expect((await bench.resume(first.run, { decisions })).state).toBe('succeeded');
    expect(plan.executed).toEqual(['x,y', 'z']);
  });

  it('counts only for what the step would do when its turn comes, however long it waited for a slot', async () => {
    const bench = new Bench();
    const plan: Plan = { subjects: ['x'], executed: [], act: () => undefined };
    planned(bench, plan);
    const prompter = person();
    const later = async (): Promise<void> => {
      await bench.clock.sleep(5_000);
      plan.subjects = ['z'];
    };
    void later();
    const nodes = [node('a', { with: { ms: 10_000 } }), node('b', { uses: 'test/planned', gate: APPROVE })];
    const result = await bench.start(graphOf(nodes), { prompter, concurrency: 1 });
    expect(statesOf(result)).toEqual({ a: 'succeeded', b: 'succeeded' });
    expect([subjectsOf(prompter), plan.executed]).toEqual([[['x'], ['z']], ['z']]);
  });

  it('is compared too when a person elsewhere ends the wait between two tries', async () => {
    const persons = new Persons();
    const plan = failing(persons.bench, ['z']);
    const result = await persons.beside(
      graph,
      async (run) => {
        await persons.until(async () => (plan.executed.length > 0 ? true : undefined));
        await persons.send(run, { verb: 'retry', step: 'b' as StepId, by: 'ann' });
        const shown = await persons.asked(run, 'b');
        expect(plan.executed).toEqual(['x,y']);
        await persons.send(run, { verb: 'approve', step: 'b' as StepId, shown, by: 'bob' });
      },
      { decisions },
    );
    expect([result.state, plan.executed]).toEqual(['succeeded', ['x,y', 'z']]);
  });

  it('is compared too when a person elsewhere has a failed step tried again, and on resume', async () => {
    const persons = new Persons();
    const plan: Plan = { subjects: ['x'], executed: [], act: () => undefined };
    plan.act = (number) => {
      plan.subjects = [number === 1 ? 'y' : 'z'];
      if (number < 3) throw new DrError({ code: 'STEP_FAILED', message: 'no' });
    };
    planned(persons.bench, plan);
    const slow = node('slow', { with: { ms: 50_000 } });
    const first = await persons.beside(
      graphOf([...graph.nodes, slow], { keepGoing: true }),
      async (run) => {
        await persons.until(async () => ((await persons.record(run, 'b'))?.state === 'failed' ? true : undefined));
        await persons.send(run, { verb: 'retry', step: 'b' as StepId, by: 'ann' });
        await persons.send(run, { verb: 'approve', step: 'b' as StepId, shown: await persons.asked(run, 'b'), by: 'bob' });
      },
      { decisions },
    );
    expect([first.state, plan.executed]).toEqual(['failed', ['x', 'y']]);
    const prompter = person();
    expect((await persons.bench.resume(first.run, { prompter })).state).toBe('succeeded');
    expect([subjectsOf(prompter), plan.executed]).toEqual([[['z']], ['x', 'y', 'z']]);
  });
});
