import type { StepCatalogue } from '../engine/step.ts';
import { didYouMean, type Fault } from './faults.ts';
import type { ListedName, StepView } from './step-view.ts';
import type { YamlSource } from './yaml-source.ts';

/** What the checks between steps look at. */
export interface GraphCheck {
  readonly source: YamlSource;
  readonly views: readonly StepView[];
  readonly catalogue: StepCatalogue;
}

/** Faults of the graph: repeated ids, unknown kinds, needs that do not exist, cycles, guards that cannot watch. */
export function checkGraph(check: GraphCheck): readonly Fault[] {
  return [...repeatedIds(check), ...unknownKinds(check), ...missingNeeds(check), ...cycles(check), ...check.views.flatMap((view) => guardFaults(view, check))];
}

/** Ids of the steps that must be final before a step starts, by id. A step in a cycle is its own ancestor. */
export function ancestorsOf(views: readonly StepView[]): ReadonlyMap<string, ReadonlySet<string>> {
  const needs = needsById(views);
  return new Map([...needs.keys()].map((id) => [id, reach(id, needs)]));
}

function reach(from: string, needs: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...(needs.get(from) ?? [])];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    open.push(...(needs.get(id) ?? []));
  }
  return found;
}

function needsById(views: readonly StepView[]): ReadonlyMap<string, readonly string[]> {
  const ids = new Set(views.map((view) => view.id));
  const needs = new Map<string, readonly string[]>();
  for (const view of views) {
    if (view.id === undefined) continue;
    needs.set(view.id, [...(needs.get(view.id) ?? []), ...view.needs.map((need) => need.name).filter((name) => ids.has(name))]);
  }
  return needs;
}

function repeatedIds({ source, views }: GraphCheck): readonly Fault[] {
  const first = new Map<string, StepView>();
  return views.flatMap((view) => {
    const { id } = view;
    if (id === undefined) return [];
    const earlier = first.get(id);
    if (earlier === undefined) {
      first.set(id, view);
      return [];
    }
    const { line } = source.faultAt([...earlier.path, 'id'], { message: '' });
    return [source.faultAt([...view.path, 'id'], { message: `step id "${id}" is taken by the step in line ${line}` })];
  });
}

function unknownKinds({ source, views, catalogue }: GraphCheck): readonly Fault[] {
  return views.flatMap((view) => {
    const { uses } = view;
    if (uses === undefined || catalogue.has(uses)) return [];
    return [source.faultAt([...view.path, 'uses'], { message: `unknown step kind "${uses}"`, ...didYouMean(uses, catalogue.keys()) })];
  });
}

function missingNeeds({ source, views }: GraphCheck): readonly Fault[] {
  const ids = idsOf(views);
  return views.flatMap((view) => {
    const others = ids.filter((id) => id !== view.id);
    const strange = (key: readonly (string | number)[], names: readonly ListedName[]): readonly Fault[] =>
      names
        .filter(({ name }) => !ids.includes(name))
        .map(({ name, index }) => source.faultAt([...view.path, ...key, index], { message: `there is no step "${name}"`, ...didYouMean(name, others) }));
    return [...strange(['needs'], view.needs), ...strange(['guard', 'protects'], view.protects)];
  });
}

function idsOf(views: readonly StepView[]): readonly string[] {
  return views.flatMap((view) => (view.id === undefined ? [] : [view.id]));
}

/** One fault per group of steps that wait for each other, with one cycle of it named in the order of the waiting. */
function cycles({ source, views }: GraphCheck): readonly Fault[] {
  const needs = needsById(views);
  const ancestors = ancestorsOf(views);
  const done = new Set<string>();
  return views.flatMap((view) => {
    const { id } = view;
    if (id === undefined || done.has(id) || ancestors.get(id)?.has(id) !== true) return [];
    for (const other of ancestors.keys()) if (ancestors.get(id)?.has(other) === true && ancestors.get(other)?.has(id) === true) done.add(other);
    const message = `steps wait for each other in a circle: ${shortestCycle(id, needs).join(' -> ')} (each waits for the one after it)`;
    return [source.faultAt([...view.path, 'needs'], { message })];
  });
}

function shortestCycle(start: string, needs: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const before = new Map<string, string>();
  const open = [start];
  for (let id = open.shift(); id !== undefined; id = open.shift()) {
    for (const need of needs.get(id) ?? []) {
      if (need === start) return [...trail(id, before), start];
      if (!before.has(need)) open.push(need);
      if (!before.has(need)) before.set(need, id);
    }
  }
  return [start];
}

function trail(end: string, before: ReadonlyMap<string, string>): readonly string[] {
  const path = [end];
  for (let id = before.get(end); id !== undefined; id = before.get(id)) path.unshift(id);
  return path;
}

/** A guard runs beside what it protects: it may only read, and neither may wait for the other. */
function guardFaults(view: StepView, { source, views, catalogue }: GraphCheck): readonly Fault[] {
  if (!view.isGuard || view.id === undefined) return [];
  const { id } = view;
  const path = [...view.path, 'guard'];
  const ancestors = ancestorsOf(views);
  const kind = view.uses === undefined ? undefined : catalogue.get(view.uses);
  const risk =
    kind === undefined || kind.risk === 'read-only' ? [] : [source.faultAt(path, { message: `${kind.kind} is ${kind.risk}, and a guard must be read-only` })];
  const order = view.protects.flatMap(({ name, index }) => {
    const at = [...path, 'protects', index];
    if (name === id) return [source.faultAt(at, { message: 'a guard cannot protect itself' })];
    if (ancestors.get(id)?.has(name) === true) return [source.faultAt(at, { message: `${id} waits for "${name}", so it cannot run beside it` })];
    if (ancestors.get(name)?.has(id) === true)
      return [source.faultAt(at, { message: `"${name}" waits for ${id}, so the guard would end before what it protects begins` })];
    return [];
  });
  return [...risk, ...order];
}
