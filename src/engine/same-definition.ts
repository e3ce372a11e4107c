import { DrError } from '../errors/dr-error.ts';
import type { PlannedChange } from '../model/change.ts';
import type { JsonValue } from '../model/json.ts';
import { diffJson } from '../model/json-diff.ts';
import type { ExpressionScope } from './expression.ts';
import type { StepGraph } from './graph-types.ts';
import type { RunChange, StepChange } from './run-changes.ts';
import { kindOf } from './run-changes.ts';
import type { FrozenRun } from './run-files.ts';
import type { RunEnvironment } from './run-options.ts';
import type { RunState } from './run-state.ts';
import { NO_FILES, type ReadContext } from './step.ts';

export interface DefinitionCheck<P> {
  readonly env: RunEnvironment<P>;
  readonly frozen: FrozenRun;
  readonly state: RunState;
  readonly after: StepGraph;
}

/**
 * Looks whether steps that stand only if they would make the same (`definedBy`) would: what each plans with its old input is compared with what it plans with
 * the new one. Throws `RUN_CHANGED` with the fields in which they differ, and whatever keeps a step from planning.
 */
export async function assertSameDefinitions<P>(change: RunChange, check: DefinitionCheck<P>): Promise<void> {
  for (const step of change.steps.filter(({ verdict }) => verdict === 'defined')) await assertSame(step, check);
}

async function assertSame<P>({ step }: StepChange, check: DefinitionCheck<P>): Promise<void> {
  const { frozen, after } = check;
  const before = await plannedBy(frozen.graph, step, check);
  const now = await plannedBy(after, step, check);
  const diffs = diffJson(before as unknown as JsonValue, now as unknown as JsonValue, 'plan');
  if (diffs.length === 0) return;
  throw new DrError({
    code: 'RUN_CHANGED',
    message: `run '${frozen.id}' cannot take this over: step '${step}' has succeeded, and would make something else now (${diffs.map(({ path }) => path).join(', ')})`,
    details: { run: frozen.id, step, diffs: diffs.map((diff) => ({ ...diff })) },
    suggestions: ['leave the definition of what is made already as it was, and change it once the run has ended', 'or start a new run'],
  });
}

async function plannedBy<P>(graph: StepGraph, step: StepChange['step'], { env, frozen, state }: DefinitionCheck<P>): Promise<readonly PlannedChange[]> {
  const node = graph.nodes.find(({ id }) => id === step);
  if (node === undefined) throw new DrError({ code: 'BUG', message: `step '${step}' is judged as changed and is not in the graph` });
  const kind = kindOf(env.catalogue, node);
  const steps = Object.fromEntries([...state.steps].flatMap(([id, { outputs }]) => (outputs === undefined ? [] : [[id, { outputs }] as const])));
  const scope: ExpressionScope = { plan: graph.plan, inputs: graph.inputs, steps, step, ...(node.item === undefined ? {} : { item: node.item }) };
  const input: unknown = kind.with.parse(env.evaluator.resolve(node.with, scope));
  const { id, cluster, mode, startedAt } = frozen;
  const context: ReadContext<unknown, P> = {
    step,
    run: { id, cluster, mode, startedAt, predecessors: [] },
    with: input,
    ports: env.ports,
    clock: env.clock,
    signal: env.signal,
    attestations: state.steps.get(step)?.attestations ?? [],
    accepted: state.accepted,
    files: NO_FILES,
  };
  return await kind.plan(context);
}
