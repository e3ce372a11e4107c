import { DrError } from '../errors/dr-error.ts';
import type { FieldDiff } from '../model/change.ts';
import type { StepId } from '../model/ids.ts';
import { canonicalJson, type JsonValue } from '../model/json.ts';
import { type DiffOptions, diffGraphs, type GraphDifference, type StepDifference } from './graph-diff.ts';
import type { StepGraph, StepNode } from './graph-types.ts';
import type { FrozenRun } from './run-files.ts';
import type { AnyStepKind, StepCatalogue } from './step.ts';

/**
 * What a change means for a step. `open`: it has not succeeded, so the change just holds. `stands`: what was done is not touched. `again`: it is looked at
 * and done again. `defined`: it stands if it would plan the same with the new input. `refused`: it has been done, and cannot be done otherwise.
 */
export type Verdict = 'open' | 'stands' | 'again' | 'defined' | 'refused';

/** A difference in one step, judged. */
export interface StepChange extends StepDifference {
  readonly verdict: Verdict;
}

/** All in which a graph resolved now differs from the one a run goes by. */
export interface RunChange extends Omit<GraphDifference, 'steps'> {
  readonly steps: readonly StepChange[];
}

/** Longer values are cut in what people read. */
const MAX_VALUE = 120;
/** More differences than this are counted, not listed. */
const MAX_LINES = 60;

const NEW_RUN = 'or start a new run, which finds what is already done';

/** Fields of a declaration that say only how a step is run: of one that is done they change nothing. */
const HOW_IT_RUNS: ReadonlySet<string> = new Set(['summary', 'phase', 'needs', 'timeoutMs', 'retry', 'group', 'gate', 'guard', 'always', 'risk', 'safety']);

/** Compares what a run goes by with a graph resolved now, and judges every step that has succeeded. Pure. */
export function judgeChange<P>(options: DiffOptions & { readonly catalogue: StepCatalogue<P> }): RunChange {
  const { before, after, state, catalogue } = options;
  const nodes = new Map([...before.nodes, ...after.nodes].map((node) => [node.id, node]));
  const { steps, ...rest } = diffGraphs(options);
  return {
    ...rest,
    steps: steps.map((difference) => {
      const done = state.steps.get(difference.step)?.verified === true;
      const kind = catalogue.get(nodes.get(difference.step)?.uses ?? '');
      return { ...difference, verdict: done ? verdictOf(difference, kind) : 'open' };
    }),
  };
}

function verdictOf<P>({ change, fields }: StepDifference, kind: AnyStepKind<P> | undefined): Verdict {
  if (kind === undefined) return 'refused';
  if (change !== 'changed') return kind.risk === 'read-only' ? 'stands' : 'refused';
  const touching = fields.filter(({ path }) => !HOW_IT_RUNS.has(rootOf(path)));
  if (touching.length === 0) return 'stands';
  if (!touching.every(({ path }) => rootOf(path) === 'with' || rootOf(path) === 'if')) return 'refused';
  if ((kind.whenChanged ?? (kind.risk === 'read-only' ? 'again' : 'refuse')) === 'again') return 'again';
  const defining = kind.definedBy ?? [];
  return touching.every(({ path }) => defining.some((field) => rootOf(path, 1) === field)) ? 'defined' : 'refused';
}

/** A name in a path: `plan.dns[0].server` begins with `plan`, and has `dns` below it. */
function rootOf(path: string, depth = 0): string {
  return path.split('.')[depth]?.replace(/\[.*$/, '') ?? '';
}

/** Steps whose input is another one now and that are to be looked at anew: what is recorded of them was done with the old one. */
export function touchedSteps({ steps }: RunChange): readonly StepId[] {
  return steps.filter(({ change, verdict }) => change === 'changed' && (verdict === 'open' || verdict === 'again')).map(({ step }) => step);
}

/** Throws `RUN_CHANGED`, with both values, when a change touches a step that has succeeded and cannot be done again. */
export function assertAllowed({ steps }: RunChange, run: string): void {
  const refused = steps.filter(({ verdict }) => verdict === 'refused');
  if (refused.length === 0) return;
  const lines = refused.flatMap((step) => stepLines(step));
  throw new DrError({
    code: 'RUN_CHANGED',
    message: `run '${run}' cannot take this over, because it touches what has been done already:\n${indented(lines)}`,
    details: { run, refused: refused.map(({ step, change, fields }) => ({ step, change, fields: fields.map((field) => ({ ...field })) })) },
    suggestions: ['put this back as it was and resume; the rest of the change can be taken over', NEW_RUN],
  });
}

/** Throws `RUN_CHANGED` for a step contract that has another version. Another version of the tool alone is no difference. */
export function assertContracts<P>(frozen: FrozenRun, catalogue: StepCatalogue<P>): void {
  const changes = Object.entries(frozen.contracts)
    .filter(([kind, version]) => catalogue.get(kind)?.version !== version)
    .map(([kind, version]) => `step kind '${kind}' was version ${version}, now ${versionText(catalogue.get(kind)?.version)}`);
  if (changes.length > 0) throw changed(frozen, changes, ['resume with the version of lattice-dr that started the run', 'or start a new run']);
}

/** The error of a resume that finds another plan, runbook or commit and was not told to take it over. `command` takes it over. */
export function notTakenOver(frozen: FrozenRun, change: RunChange, command: string | undefined): DrError {
  const refused = change.steps.filter(({ verdict }) => verdict === 'refused').map(({ step }) => `'${step}'`);
  const back = 'put plan and runbook back as they were and resume';
  if (refused.length > 0) return changed(frozen, changeLines(change), [`${back}: what touches ${refused.join(', ')} cannot be taken over`, NEW_RUN]);
  return changed(frozen, changeLines(change), command === undefined ? [back] : [`to go on with it as it is now: ${command}`, back]);
}

function changed(frozen: FrozenRun, changes: readonly string[], suggestions: readonly string[]): DrError {
  return new DrError({
    code: 'RUN_CHANGED',
    message: `run '${frozen.id}' was started with something else:\n${indented(changes)}`,
    details: { run: frozen.id, changes },
    suggestions,
  });
}

/** Says what differs, for people, one line each: plan, inputs and runbook first, then step by step. */
export function changeLines({ plan, inputs, runbook, steps }: RunChange): readonly string[] {
  const lines = [
    ...plan.map((diff) => `plan: ${diffText(diff)}`),
    ...inputs.map((diff) => `input: ${diffText(diff)}`),
    ...runbook.map((diff) => `runbook: ${diffText(diff)}`),
    ...steps.flatMap((step) => stepLines(step)),
  ];
  return lines.length <= MAX_LINES ? lines : [...lines.slice(0, MAX_LINES), `and ${lines.length - MAX_LINES} more`];
}

const MEANINGS: Readonly<Record<Verdict, string>> = {
  open: '',
  stands: ' (done; stands)',
  again: ' (done; is looked at and proven again)',
  defined: ' (done; stands if it would make the same)',
  refused: ' (done; cannot be changed)',
};

function stepLines({ step, change, fields, verdict }: StepChange): readonly string[] {
  const what = `step '${step}'${MEANINGS[verdict]}`;
  if (change === 'added') return [`${what} is new`];
  if (change === 'removed') return [`${what} is gone`];
  return fields.map((diff) => `${what}: ${diffText(diff)}`);
}

function diffText({ path, from, to }: FieldDiff): string {
  return `${path}: ${valueText(from)} -> ${valueText(to)}`;
}

function valueText(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  const text = canonicalJson(value);
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}...` : text;
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}

/** The kind of a node, at the version the node was resolved with. Throws `RUN_CHANGED`. */
export function kindOf<P>(catalogue: StepCatalogue<P>, node: StepNode): AnyStepKind<P> {
  const kind = catalogue.get(node.uses);
  if (kind !== undefined && kind.version === node.version) return kind;
  throw new DrError({
    code: 'RUN_CHANGED',
    message: `step '${node.id}' uses '${node.uses}' version ${node.version}, this tool has ${versionText(kind?.version)}`,
  });
}

/** Contract version of every kind a graph uses. */
export function contractsOf(graph: StepGraph): Readonly<Record<string, number>> {
  return Object.fromEntries(graph.nodes.map((node) => [node.uses, node.version]));
}

function versionText(version: number | undefined): string {
  return version === undefined ? 'no such step kind' : `version ${version}`;
}
