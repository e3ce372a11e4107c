import { DrError } from '../errors/dr-error.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../model/json.ts';
import type { StepGraph, StepNode } from './graph-types.ts';
import type { FrozenRun } from './run-files.ts';
import type { AnyStepKind, StepCatalogue } from './step.ts';

/** Names everything in which a graph resolved now differs from the frozen one, and every step contract that has another version. */
function findRunChanges<P>(frozen: FrozenRun, catalogue: StepCatalogue<P>, graph?: StepGraph): readonly string[] {
  return [...contractChanges(frozen, catalogue), ...(graph === undefined || graph.digest === frozen.graph.digest ? [] : graphChanges(frozen.graph, graph))];
}

/** Throws `RUN_CHANGED` naming what differs. Another version of the tool alone is no difference. */
export function assertRunUnchanged<P>(frozen: FrozenRun, catalogue: StepCatalogue<P>, graph?: StepGraph): void {
  const changes = findRunChanges(frozen, catalogue, graph);
  if (changes.length === 0) return;
  throw new DrError({
    code: 'RUN_CHANGED',
    message: `run '${frozen.id}' was started with something else: ${changes.join('; ')}`,
    details: { run: frozen.id, changes },
    suggestions: ['put plan, runbook and tool back as they were and resume', 'or start a new run, which finds what is already done'],
  });
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

function contractChanges<P>(frozen: FrozenRun, catalogue: StepCatalogue<P>): readonly string[] {
  return Object.entries(frozen.contracts)
    .filter(([kind, version]) => catalogue.get(kind)?.version !== version)
    .map(([kind, version]) => `step kind '${kind}' was version ${version}, now ${versionText(catalogue.get(kind)?.version)}`);
}

function graphChanges(before: StepGraph, now: StepGraph): readonly string[] {
  const was = new Map<string, StepNode>(before.nodes.map((node) => [node.id, node]));
  const is = new Map<string, StepNode>(now.nodes.map((node) => [node.id, node]));
  const changes = [
    ...[...was.keys()].filter((id) => !is.has(id)).map((id) => `step '${id}' is gone`),
    ...[...is.keys()].filter((id) => !was.has(id)).map((id) => `step '${id}' is new`),
    ...[...is].flatMap(([id, node]) => fieldChanges(`step '${id}'`, was.get(id), node)),
    ...fieldChanges('plan', before.plan, now.plan),
    ...fieldChanges('inputs', before.inputs, now.inputs),
    ...fieldChanges('runbook', headOf(before), headOf(now)),
  ];
  return changes.length > 0 ? changes : ['the order of the steps'];
}

function headOf({ name, description, keepGoing }: StepGraph): JsonObject {
  return { name, description, keepGoing };
}

/** The first level of fields that differ: enough to find the place, short enough to read. */
function fieldChanges(what: string, before: object | undefined, now: object): readonly string[] {
  if (before === undefined) return [];
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  const differing = [...keys].filter((key) => textOf(before, key) !== textOf(now, key)).sort();
  return differing.length === 0 ? [] : [`${what} differs in ${differing.join(', ')}`];
}

function textOf(value: object, key: string): string | undefined {
  const field = (value as Readonly<Record<string, JsonValue | undefined>>)[key];
  return field === undefined ? undefined : canonicalJson(field);
}
