import { z } from 'zod';
import { NO_DECISIONS } from '../../../src/engine/decisions.ts';
import type { RunEvent } from '../../../src/engine/events.ts';
import type { ExpressionEvaluator, Template } from '../../../src/engine/expression.ts';
import { buildStepGraph } from '../../../src/engine/graph.ts';
import type { StepGraph, StepNode } from '../../../src/engine/graph-types.ts';
import { NOBODY } from '../../../src/engine/prompter.ts';
import { resumeRun } from '../../../src/engine/resume-run.ts';
import { latestRun, readRun, type StoredRun } from '../../../src/engine/run-files.ts';
import type { ResumeRunOptions, RunEnvironment, RunResult, StartRunOptions } from '../../../src/engine/run-options.ts';
import { startRun } from '../../../src/engine/start-run.ts';
import { type AnyStepKind, NO_RETRY, type StepKind } from '../../../src/engine/step.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { ClusterName, RunId, StepId } from '../../../src/model/ids.ts';
import type { JsonObject, JsonValue } from '../../../src/model/json.ts';
import type { ProcessOwner } from '../../../src/ports/processes.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeRandom } from '../../fakes/fake-random.ts';
import { MemoryRunStore } from '../../fakes/memory-run-store.ts';

export const CLUSTER = 'east' as ClusterName;

/** What steps change: named things with parts. It refuses everybody once the process is dead, as the real world would never hear from it again. */
export class World {
  readonly parts = new Map<string, number>();
  readonly finished = new Set<string>();
  readonly log: string[] = [];
  isDead: () => boolean = () => false;

  /** Makes one part; counts how often, so that a second time shows. */
  make(part: string): void {
    this.#live();
    this.parts.set(part, (this.parts.get(part) ?? 0) + 1);
    this.log.push(`make ${part}`);
  }

  finish(thing: string): void {
    this.#live();
    this.finished.add(thing);
  }

  #live(): void {
    if (this.isDead()) throw new Error('the process is gone');
  }
}

const thingSchema = z.object({
  thing: z.string(),
  parts: z.number().default(0),
  ms: z.number().default(0),
  from: z.array(z.string()).default([]),
  fails: z.boolean().default(false),
});
type Thing = z.infer<typeof thingSchema>;

/** Makes a thing of parts, each part an effect. */
export const makeThing: StepKind<Thing, { value: string }, World> = {
  kind: 'test/thing',
  version: 1,
  summary: 'makes a thing',
  with: thingSchema,
  outputs: z.object({ value: z.string() }),
  risk: 'destructive',
  safety: false,
  timeoutMs: 60_000,
  retry: NO_RETRY,
  effects: [{ name: 'make', destroys: 'nothing' }],
  async observe({ with: input, ports: world }) {
    if (world.finished.has(input.thing)) return { state: 'present', outputs: { value: valueOf(input) }, evidence: {} };
    return { state: world.parts.has(`${input.thing}-0`) ? 'partial' : 'absent', evidence: {} };
  },
  async plan({ with: input }) {
    return [{ verb: 'create', subject: input.thing }];
  },
  async execute(ctx) {
    const { thing, parts, ms, fails } = ctx.with;
    for (let index = 0; index < parts; index += 1) {
      const part = `${thing}-${index}`;
      await ctx.effect({
        name: 'make',
        key: part,
        timeoutMs: 30_000,
        check: async () => (ctx.ports.parts.has(part) ? { state: 'done', result: part } : { state: 'todo', evidence: {} }),
        run: async () => {
          ctx.ports.make(part);
          return part;
        },
      });
    }
    await ctx.clock.sleep(ms, ctx.signal);
    if (fails) throw new DrError({ code: 'STEP_FAILED', message: `${thing} cannot be made` });
    ctx.ports.finish(thing);
  },
  async verify({ with: input, ports: world }) {
    if (!world.finished.has(input.thing)) return { ok: false, reason: `${input.thing} is not there`, evidence: {} };
    return { ok: true, outputs: { value: valueOf(input) }, evidence: { seen: true } };
  },
};

function valueOf({ thing, from }: Thing): string {
  return `${thing}(${from.join(',')})`;
}

/** Expressions of tests: `$expr` is a path such as `steps.a.outputs.value`, a missing one a fault; a condition is `true` or `false`. */
const pathEvaluator: ExpressionEvaluator = {
  resolve: (template, scope) => resolve(template, scope as unknown as JsonObject),
  condition: (source) => source === 'true',
};

function resolve(template: Template, scope: JsonObject): JsonValue {
  if (Array.isArray(template)) return template.map((item: Template) => resolve(item, scope));
  if (template === null || typeof template !== 'object') return template;
  if ('$expr' in template && typeof template.$expr === 'string') return lookUp(template.$expr, scope);
  return Object.fromEntries(Object.entries(template).flatMap(([key, value]) => (value === undefined ? [] : [[key, resolve(value as Template, scope)]])));
}

function lookUp(path: string, scope: JsonObject): JsonValue {
  let value: JsonValue | undefined = scope;
  for (const key of path.split('.')) value = (value as JsonObject | undefined)?.[key];
  if (value === undefined) throw new DrError({ code: 'INPUT_INVALID', message: `'${path}' is not there` });
  return value;
}

/** A node of the kind `test/thing` that makes a thing of its own name. */
export function node(id: string, overrides: Partial<Omit<StepNode, 'needs'>> & { readonly needs?: readonly string[] } = {}): StepNode {
  const { needs = [], with: input, ...rest } = overrides;
  return {
    id: id as StepId,
    uses: 'test/thing',
    version: 1,
    summary: `makes ${id}`,
    risk: 'destructive',
    safety: false,
    timeoutMs: 60_000,
    retry: NO_RETRY,
    phase: 'test',
    needs: needs as StepId[],
    with: { thing: id, ...input },
    ...rest,
  };
}

export function graphOf(nodes: readonly StepNode[], options: { readonly keepGoing?: boolean; readonly plan?: JsonObject } = {}): StepGraph {
  return buildStepGraph({ name: 'test', description: '', nodes, plan: options.plan ?? {}, inputs: {}, keepGoing: options.keepGoing ?? false });
}

/** A process: pid tells one from the next. */
export function processOwner(pid: number, overrides: Partial<ProcessOwner> = {}): ProcessOwner {
  return { host: 'here', boot: 'boot-1', pid, startTime: String(pid), user: 'ops', ...overrides };
}

/** One world, one store, one clock, and as many processes as a test needs. */
export class Bench {
  readonly store = new MemoryRunStore();
  readonly clock = new FakeClock();
  readonly random = new FakeRandom();
  readonly world = new World();
  readonly events: RunEvent[] = [];
  readonly kinds = new Map<string, AnyStepKind<World>>([[makeThing.kind, makeThing]]);
  readonly living = new Set<number>();
  #pid = 100;

  constructor() {
    this.world.isDead = () => this.store.crashed;
  }

  add<W, O extends JsonObject>(kind: StepKind<W, O, World>): void {
    this.kinds.set(kind.kind, kind);
  }

  /** The environment of a new process. */
  process(overrides: Partial<RunEnvironment<World>> = {}): RunEnvironment<World> {
    this.#pid += 1;
    return {
      store: this.store,
      clock: this.clock,
      random: this.random,
      owner: processOwner(this.#pid),
      isAlive: async (owner) => this.living.has(owner.pid),
      tool: '1.0.0',
      events: (event) => this.events.push(event),
      catalogue: this.kinds,
      ports: this.world,
      evaluator: pathEvaluator,
      prompter: NOBODY,
      decisions: NO_DECISIONS,
      signal: new AbortController().signal,
      ...overrides,
    };
  }

  async start(graph: StepGraph, overrides: Partial<StartRunOptions<World>> = {}): Promise<RunResult> {
    return await this.clock.runUntil(startRun({ ...this.process(), graph, cluster: CLUSTER, mode: 'recovery', sources: {}, ...overrides }));
  }

  async resume(run: RunId, overrides: Partial<ResumeRunOptions<World>> = {}): Promise<RunResult> {
    this.store.revive();
    return await this.resumeAsIs(run, overrides);
  }

  /** Resumes with whatever crash is planned. */
  async resumeAsIs(run: RunId, overrides: Partial<ResumeRunOptions<World>> = {}): Promise<RunResult> {
    return await this.clock.runUntil(resumeRun({ ...this.process(), run, ...overrides }));
  }

  /** The run of the last claim, when there is one. */
  async onlyRun(): Promise<RunId | undefined> {
    return await latestRun(this.store, CLUSTER).catch(() => undefined);
  }

  async stored(run: RunId): Promise<StoredRun> {
    return await readRun(this.store, run);
  }

  /** Journal entries as `type step`, without the ones that only mark time. */
  async told(run: RunId): Promise<readonly string[]> {
    const { journal } = await this.stored(run);
    return journal.entries.map((entry) => ('step' in entry ? `${entry.type} ${entry.step}` : entry.type)).filter((line) => line !== 'alive');
  }
}

/** States by step. */
export function statesOf(result: RunResult): Readonly<Record<string, string>> {
  return Object.fromEntries(result.steps.map((step) => [step.id, step.state]));
}

/** Crashes the run just before the first journal line of a type, by playing the run once to find that line. */
export async function crashBefore(bench: Bench, graph: StepGraph, line: string): Promise<RunId> {
  const rehearsal = new Bench();
  for (const [name, kind] of bench.kinds) rehearsal.kinds.set(name, kind);
  const lines = await rehearsal.told((await rehearsal.start(graph)).run);
  const append = lines.indexOf(line) + 1;
  if (append === 0) throw new Error(`no line '${line}' in ${lines.join(', ')}`);
  bench.store.crashAt({ append, side: 'before' });
  const { run } = await bench.start(graph);
  if (!bench.store.crashed) throw new Error(`the run did not come to '${line}'`);
  return run;
}
