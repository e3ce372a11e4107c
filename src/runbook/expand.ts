import type { JsonValue } from '../model/json.ts';
import type { Occurrence, WithCheck } from './check-with.ts';
import { evaluateSource } from './expressions.ts';
import { type Fault, renderPath } from './faults.ts';
import { earlyScope, isKnown } from './known-values.ts';
import type { StepView } from './step-view.ts';
import { describe } from './zod-faults.ts';

/** What a step becomes once plan and inputs are known. */
export interface Expansion {
  readonly view: StepView;
  /** One entry per item, in the order of the list; one without a name for a step that is no `forEach`. */
  readonly items: readonly ExpandedItem[];
  readonly faults: readonly Fault[];
}

export interface ExpandedItem {
  /** Stands in brackets after the step's id; `undefined` for a step that is no `forEach`. */
  readonly name: string | undefined;
  readonly item: JsonValue | undefined;
}

const SINGLE: readonly ExpandedItem[] = [{ name: undefined, item: undefined }];

/**
 * Evaluates the `forEach` of a step. An item is named by itself when it is text or a number, else by its `name` or `id`, else by its place in the list,
 * from 0. `undefined` when the list is not known yet or the expression is broken, which other checks report.
 */
export function expandStep(view: StepView, { source, compiler, known, broken }: WithCheck): Expansion | undefined {
  if (view.forEach === undefined) return { view, items: SINGLE, faults: [] };
  const compiled = compiler.compile(view.forEach);
  if ('fault' in compiled || known.plan === undefined) return undefined;
  const path = [...view.path, 'forEach'];
  if (broken.has(renderPath(path)) || !isKnown(compiled, known, undefined)) return undefined;
  const result = evaluateSource(view.forEach, { compiler, scope: earlyScope(known, undefined) });
  if ('fault' in result) return { view, items: [], faults: [source.faultAt(path, { message: result.fault })] };
  const list = 'value' in result ? result.value : [];
  if (!Array.isArray(list))
    return { view, items: [], faults: [source.faultAt(path, { message: `"${view.forEach}" gives ${describe(list)}, must give a list` })] };
  const items = (list as readonly JsonValue[]).map((item, index) => ({ name: nameOf(item, index), item }));
  const faults = items.flatMap(({ name }, index) => {
    const isTaken = items.findIndex((other) => other.name === name) < index;
    const isOdd = !/^[^[\]\s]+$/.test(name);
    if (!isTaken && !isOdd) return [];
    return [
      source.faultAt(path, { message: `item ${index} is named "${name}", which ${isTaken ? 'another item is too' : 'has spaces or brackets, or is empty'}` }),
    ];
  });
  return { view, items, faults };
}

function nameOf(item: JsonValue, index: number): string {
  if (typeof item === 'string' || typeof item === 'number') return String(item);
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return String(index);
  const { name, id } = item as { readonly name?: JsonValue; readonly id?: JsonValue };
  const own = name ?? id;
  return typeof own === 'string' || typeof own === 'number' ? String(own) : String(index);
}

/** The nodes of an expansion, for checks of `with`. */
export function occurrencesOf({ view, items }: Expansion): readonly Occurrence[] {
  return items.map(({ item }) => ({ view, item }));
}
