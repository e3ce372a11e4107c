import type { Acceptance } from '../engine/acceptances.ts';
import { withDeadline } from '../engine/deadline.ts';
import type { ExpressionEvaluator, ExpressionScope } from '../engine/expression.ts';
import { topologicalOrder } from '../engine/graph.ts';
import type { Gate, StepGraph, StepNode } from '../engine/graph-types.ts';
import { namesUnder } from '../engine/kept-files.ts';
import { type AnyStepKind, type KeptFiles, NO_FILES, type Observation, type ReadContext, type Risk, type RunInfo, type StepCatalogue } from '../engine/step.ts';
import { asDrError, DrError } from '../errors/dr-error.ts';
import type { PlannedChange } from '../model/change.ts';
import { type ClusterName, newRunId, type StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { RunStore } from '../ports/run-store.ts';
import type { StepPorts } from '../steps/ports.ts';
import { prepareRun, type RunRequest } from './prepare-run.ts';
import { stepsReadBy } from './steps-read.ts';

/**
 * What a dry run found of one step. `known-after`: it depends on outputs that only other steps can give, so nothing is said of it. `failed`: looking or
 * planning was refused.
 */
export type PlannedState = Observation<JsonObject>['state'] | 'known-after' | 'skipped' | 'failed';

export interface StepPlan {
  readonly id: StepId;
  readonly uses: string;
  readonly summary: string;
  readonly phase: string;
  readonly risk: Risk;
  readonly gate?: Gate;
  readonly state: PlannedState;
  /** What it would change; empty when nothing is to be done, or nothing can be said. */
  readonly changes: readonly PlannedChange[];
  /** Steps whose outputs must exist first. */
  readonly knownAfter: readonly StepId[];
  readonly reason?: string;
  readonly error?: DrError;
}

/** What a run would do. Nothing was written to find it out. */
export interface RunPlan {
  readonly cluster: ClusterName;
  readonly runbook: string;
  readonly mode: RunRequest['mode'];
  readonly inputs: JsonObject;
  /** In an order in which they could run one after the other. */
  readonly steps: readonly StepPlan[];
}

export interface PlanTools {
  readonly catalogue: StepCatalogue<StepPorts>;
  readonly ports: StepPorts;
  readonly evaluator: ExpressionEvaluator;
  readonly clock: Clock;
  readonly random: Random;
  /** What a run of the same command would take into account. */
  readonly accept?: readonly Acceptance[];
  /** Opens the state of runs; called only when a step asks for what is kept there. */
  readonly openStore: () => Promise<RunStore>;
  readonly signal: AbortSignal;
}

/**
 * Dry run: asks every step what is there and what it would do, by `observe` and `plan` only, which never write. Throws what makes a request impossible;
 * what a single step cannot say is in its plan.
 */
export async function planRun(request: RunRequest, tools: PlanTools): Promise<RunPlan> {
  const { graph, cluster } = await prepareRun(request, { catalogue: tools.catalogue, git: tools.ports.git, signal: tools.signal });
  const now = tools.clock.now();
  const run: RunInfo = {
    id: newRunId(cluster, now, tools.random.hex(2)),
    cluster,
    mode: request.mode,
    startedAt: new Date(now).toISOString(),
    predecessors: [],
  };
  const planner = new Planner(graph, run, { ...tools, files: filesOf(cluster, tools.openStore) });
  for (const node of topologicalOrder<StepId, StepNode>(graph.nodes)) await planner.add(node);
  return { cluster, runbook: graph.name, mode: request.mode, inputs: graph.inputs, steps: planner.steps };
}

/** Of a dry run nothing is kept; what was kept of the cluster is there. */
function filesOf(cluster: ClusterName, openStore: PlanTools['openStore']): KeptFiles {
  let opened: Promise<RunStore> | undefined;
  const store = async (): Promise<RunStore> => await (opened ??= openStore());
  return {
    ...NO_FILES,
    ofCluster: async (folder, name) => await (await store()).get(`${folder}/${cluster}/${name}`),
    namesOfCluster: async (folder) => await namesUnder(await store(), `${folder}/${cluster}/`),
  };
}

interface PlannerTools extends PlanTools {
  readonly files: KeptFiles;
}

type Found = Omit<StepPlan, 'id' | 'uses' | 'summary' | 'phase' | 'risk' | 'gate' | 'changes' | 'knownAfter'> &
  Partial<Pick<StepPlan, 'changes' | 'knownAfter'>>;

class Planner {
  readonly steps: StepPlan[] = [];
  readonly #outputs = new Map<StepId, JsonObject>();
  readonly #skipped = new Set<StepId>();
  readonly #graph: StepGraph;
  readonly #run: RunInfo;
  readonly #tools: PlannerTools;

  constructor(graph: StepGraph, run: RunInfo, tools: PlannerTools) {
    this.#graph = graph;
    this.#run = run;
    this.#tools = tools;
  }

  async add(node: StepNode): Promise<void> {
    const { id, uses, summary, phase, risk, gate } = node;
    const found = await this.#find(node).catch((error: unknown): Found => this.#refused(error));
    if (found.state === 'skipped') this.#skipped.add(id);
    this.steps.push({ id, uses, summary, phase, risk, ...(gate === undefined ? {} : { gate }), changes: [], knownAfter: [], ...found });
  }

  #refused(error: unknown): Found {
    this.#tools.signal.throwIfAborted();
    const known = asDrError(error);
    return { state: 'failed', reason: known.message, error: known };
  }

  async #find(node: StepNode): Promise<Found> {
    if (node.skipped !== undefined) return { state: 'skipped', reason: node.skipped };
    const open = this.#unknownInputs(node);
    if (open.length > 0) return { state: 'known-after', knownAfter: open };
    const scope = this.#scope(node);
    if (node.if !== undefined && !this.#tools.evaluator.condition(node.if, scope)) return { state: 'skipped', reason: `its condition is false: ${node.if}` };
    const kind = this.#kindOf(node);
    const ctx = this.#context(node, this.#parse(node, kind, scope));
    const seen = await this.#timed(node, (signal) => kind.observe({ ...ctx, signal }));
    if (seen.state === 'present') {
      this.#outputs.set(node.id, seen.outputs);
      return { state: 'present' };
    }
    return { state: seen.state, changes: await this.#timed(node, (signal) => kind.plan({ ...ctx, signal })) };
  }

  /** Steps that the node reads and of which nothing is known yet; a skipped step has no outputs, which is known. */
  #unknownInputs(node: StepNode): readonly StepId[] {
    return stepsReadBy(node, this.#graph.nodes).filter((id) => !this.#outputs.has(id) && !this.#skipped.has(id));
  }

  #scope(node: StepNode): ExpressionScope {
    const { plan, inputs } = this.#graph;
    const steps = Object.fromEntries([...this.#outputs].map(([id, outputs]) => [id, { outputs }]));
    return { plan, inputs, steps, step: node.id, ...(node.item === undefined ? {} : { item: node.item }) };
  }

  #kindOf({ uses }: StepNode): AnyStepKind<StepPorts> {
    const kind = this.#tools.catalogue.get(uses);
    if (kind === undefined) throw new DrError({ code: 'BUG', message: `a resolved graph uses '${uses}', which is no step kind` });
    return kind;
  }

  #parse(node: StepNode, kind: AnyStepKind<StepPorts>, scope: ExpressionScope): unknown {
    const parsed = kind.with.safeParse(this.#tools.evaluator.resolve(node.with, scope));
    if (parsed.success) return parsed.data;
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`);
    throw new DrError({ code: 'INPUT_INVALID', message: `'with' of step '${node.id}' (${node.uses}): ${faults.join('; ')}` });
  }

  #context(node: StepNode, input: unknown): ReadContext<unknown, StepPorts> {
    const { ports, clock, signal, files } = this.#tools;
    return { step: node.id, run: this.#run, with: input, ports, clock, signal, attestations: [], accepted: this.#tools.accept ?? [], files };
  }

  async #timed<T>(node: StepNode, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, signal } = this.#tools;
    const late = (): DrError => new DrError({ code: 'STEP_TIMEOUT', message: `step '${node.id}' did not say what it would do within its timeout` });
    return await withDeadline({ clock, signal, timeoutMs: node.timeoutMs, late, work });
  }
}
