import { z } from 'zod';
import { NO_DECISIONS } from '../../../src/engine/decisions.ts';
import type { RunEvent } from '../../../src/engine/events.ts';
import { NOBODY } from '../../../src/engine/prompter.ts';
import type { RunEnvironment, RunResult } from '../../../src/engine/run-options.ts';
import { type AnyStepKind, NO_RETRY, type StepCatalogue } from '../../../src/engine/step.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { Hold } from '../../../src/model/hold.ts';
import type { PlanTools } from '../../../src/operations/plan-run.ts';
import type { InputFile, RunRequest } from '../../../src/operations/prepare-run.ts';
import { createExpressionEvaluator } from '../../../src/runbook/expressions.ts';
import type { StepPorts } from '../../../src/steps/ports.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeRandom } from '../../fakes/fake-random.ts';
import { MemoryGit } from '../../fakes/memory-git.ts';
import { MemoryRunStore } from '../../fakes/memory-run-store.ts';

/** A plan that needs nothing but a cluster name and a repository; `extra` is put into its spec. */
export function planFile(extra = ''): InputFile {
  const text = `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: east-plan }
spec:
  cluster: { name: east, provisioner: existing, existing: { kubeconfig: { file: ./east.kubeconfig } } }
  specs: { git: { repository: ./specs, ref: main }, profile: kubernetes }
  objectives: { rto: 10m, rpo: 1h }
${extra}`;
  return { file: '/plans/east.yaml', folder: '/plans', text };
}

/** A runbook with these steps, as YAML list entries of six columns' indent. */
export function runbookFile(steps: string): InputFile {
  const text = `apiVersion: dr.lattice.dev/v1alpha1
kind: Runbook
metadata: { name: small }
spec:
  description: a small runbook
  inputs: { commit: { type: string, description: the commit } }
  steps:
${steps}`;
  return { file: '/books/small.yaml', folder: '/books', text };
}

const madeOutputs = z.object({ kubeconfig: z.string(), clusterUid: z.string() });

/** A world in which things are made by name, with everything a run needs around it, all in memory. */
export class Bench {
  readonly made = new Set<string>();
  /** Things that cannot be made, and why. */
  readonly faults = new Map<string, DrError>();
  /** Calls of `execute`, by name of the thing. */
  readonly executed: string[] = [];
  readonly events: RunEvent[] = [];
  readonly store = new MemoryRunStore();
  readonly clock = new FakeClock();
  readonly random = new FakeRandom();
  readonly git = new MemoryGit();
  readonly ports = { git: this.git } as unknown as StepPorts;
  readonly catalogue: StepCatalogue<StepPorts> = new Map([this.#makeKind(), this.#holdKind()].map((kind) => [kind.kind, kind]));

  constructor() {
    this.git.commit({ 'a.yaml': '' });
  }

  request(steps: string, plan = planFile()): RunRequest {
    return { plan, runbook: runbookFile(steps), inputs: {}, mode: 'recovery' };
  }

  environment(overrides: Partial<RunEnvironment<StepPorts>> = {}): RunEnvironment<StepPorts> {
    return {
      store: this.store,
      clock: this.clock,
      random: this.random,
      owner: { host: 'here', boot: 'boot', pid: 1, startTime: '1', user: 'ops' },
      isAlive: async () => false,
      tool: '1.0.0',
      events: (event) => this.events.push(event),
      catalogue: this.catalogue,
      ports: this.ports,
      evaluator: createExpressionEvaluator(),
      prompter: NOBODY,
      decisions: NO_DECISIONS,
      signal: new AbortController().signal,
      ...overrides,
    };
  }

  planTools(): PlanTools {
    const { catalogue, ports, clock, random, store } = this;
    return { catalogue, ports, clock, random, openStore: async () => store, evaluator: createExpressionEvaluator(), signal: new AbortController().signal };
  }

  async until(run: Promise<RunResult>): Promise<RunResult> {
    return await this.clock.runUntil(run);
  }

  /** Makes a thing in `ms` milliseconds; its output is a kubeconfig named after it. */
  #makeKind(): AnyStepKind<StepPorts> {
    const input = z.strictObject({ name: z.string(), from: z.string().exactOptional(), ms: z.number().default(0) });
    const isMade = (name: string): boolean => this.made.has(name);
    return {
      ...COMMON,
      kind: 'test/make',
      summary: 'makes a thing',
      with: input,
      outputs: madeOutputs,
      observe: async (ctx) => {
        const fault = this.faults.get(`observe ${ctx.with.name}`);
        if (fault !== undefined) throw fault;
        return isMade(ctx.with.name) ? { state: 'present', outputs: outputsOf(ctx.with.name), evidence: {} } : { state: 'absent', evidence: {} };
      },
      plan: async (ctx) => [{ verb: 'create', subject: ctx.with.name, ...(ctx.with.from === undefined ? {} : { note: `from ${ctx.with.from}` }) }],
      execute: async (ctx) => {
        this.executed.push(ctx.with.name);
        await ctx.clock.sleep(ctx.with.ms, ctx.signal);
        const fault = this.faults.get(ctx.with.name);
        if (fault !== undefined) throw fault;
        this.made.add(ctx.with.name);
      },
      verify: async (ctx) =>
        isMade(ctx.with.name) ? { ok: true, outputs: outputsOf(ctx.with.name), evidence: {} } : { ok: false, reason: 'it is not there', evidence: {} },
    };
  }

  /** Puts things aside, in the given order. */
  #holdKind(): AnyStepKind<StepPorts> {
    let held = false;
    return {
      ...COMMON,
      kind: 'test/hold',
      summary: 'puts things aside',
      with: z.strictObject({ holds: z.array(z.any()) }),
      outputs: z.object({}),
      observe: async () => (held ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: {} }),
      plan: async () => [],
      execute: async (ctx) => {
        for (const hold of ctx.with.holds as Hold[]) await ctx.hold(hold);
        held = true;
      },
      verify: async () => ({ ok: true, outputs: {}, evidence: {} }),
    };
  }
}

const COMMON = { version: 1, risk: 'reversible', safety: false, timeoutMs: 3_600_000, retry: NO_RETRY, effects: [] } as const;

function outputsOf(name: string): z.output<typeof madeOutputs> {
  return { kubeconfig: `${name}.kubeconfig`, clusterUid: `uid of ${name}` };
}

/** The error that a promise rejects with; fails when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<DrError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DrError) return error;
    throw error;
  }
  throw new Error('it did not reject');
}
