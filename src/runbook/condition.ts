import type { JsonValue } from '../model/json.ts';
import type { WithCheck } from './check-with.ts';
import { evaluateSource } from './expressions.ts';
import { renderPath } from './faults.ts';
import { earlyScope, isKnown } from './known-values.ts';
import type { StepView } from './step-view.ts';

/** Value of an `if` before the run; `later` when it reads what only the run knows. */
export type EarlyCondition = { readonly value: boolean } | { readonly later: true } | { readonly fault: string };

/** Evaluates the `if` of a step for one of its items as far as plan and inputs allow. A step without one is taken. */
export function earlyCondition(view: StepView, item: JsonValue | undefined, { compiler, known, broken }: WithCheck): EarlyCondition {
  if (view.condition === undefined) return { value: true };
  const compiled = compiler.compile(view.condition);
  if ('fault' in compiled || known.plan === undefined) return { later: true };
  if (broken.has(renderPath([...view.path, 'if'])) || !isKnown(compiled, known, item)) return { later: true };
  const result = evaluateSource(view.condition, { compiler, scope: earlyScope(known, item) });
  if ('fault' in result) return result;
  if ('value' in result && typeof result.value === 'boolean') return { value: result.value };
  return { fault: `"${view.condition}" does not give true or false` };
}
