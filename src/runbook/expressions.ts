import type { Expression, ExpressionEvaluator, ExpressionScope, Template } from '../engine/expression.ts';
import { DrError } from '../errors/dr-error.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { type CelCompiler, type CelResult, createCelCompiler } from './cel.ts';
import { holdsExpression, loneExpression, splitTemplate } from './template.ts';

/**
 * Evaluates expressions in CEL. A template that is one `${{ }}` keeps the type of its value; other templates give text. An optional expression without a
 * value (`${{ plan.?dns }}`) leaves its key out of the map it stands in, and is an error elsewhere.
 */
export function createExpressionEvaluator(compiler: CelCompiler = createCelCompiler()): ExpressionEvaluator {
  return {
    resolve: (template, scope) => {
      const resolved = resolveTemplate(template, { compiler, scope });
      if ('value' in resolved) return resolved.value;
      throw evaluationError('fault' in resolved ? resolved.fault : 'an optional expression without a value stands where one is needed', scope);
    },
    condition: (source, scope) => {
      const resolved = evaluateSource(source, { compiler, scope });
      if ('value' in resolved && typeof resolved.value === 'boolean') return resolved.value;
      throw evaluationError('fault' in resolved ? resolved.fault : `condition "${source}" does not give true or false`, scope);
    },
  };
}

function evaluationError(fault: string, scope: ExpressionScope): DrError {
  const where = scope.step === undefined ? '' : `step ${scope.step}: `;
  return new DrError({ code: 'INPUT_INVALID', message: `${where}${fault}`, suggestions: ['correct the expression in the runbook, or the plan it reads'] });
}

/** What resolution needs. */
export interface Resolution {
  readonly compiler: CelCompiler;
  readonly scope: ExpressionScope;
}

/** Turns every text with `${{ }}` in a JSON value into an expression, to be evaluated later. */
export function toTemplate(value: JsonValue): Template {
  if (typeof value === 'string') return holdsExpression(value) ? { $expr: value } : value;
  if (Array.isArray(value)) return value.map((item) => toTemplate(item as JsonValue));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value as JsonObject).map(([key, item]) => [key, item === undefined ? item : toTemplate(item)]));
}

/** Says whether a template is an expression. */
export function isExpression(template: Template): template is Expression {
  return (
    typeof template === 'object' &&
    template !== null &&
    !Array.isArray(template) &&
    typeof (template as Expression).$expr === 'string' &&
    Object.keys(template).length === 1
  );
}

/** Resolves every expression in a template. The first fault is given; it names the expression. */
export function resolveTemplate(template: Template, resolution: Resolution): CelResult {
  if (isExpression(template)) return resolveText(template.$expr, resolution);
  if (Array.isArray(template)) {
    const items = (template as readonly Template[]).map((item) => resolveTemplate(item, resolution));
    const wrong = items.find((item) => !('value' in item));
    if (wrong !== undefined) return 'fault' in wrong ? wrong : { fault: 'an optional expression without a value stands in a list' };
    return { value: items.flatMap((item) => ('value' in item ? [item.value] : [])) };
  }
  if (typeof template !== 'object' || template === null) return { value: template as JsonValue };
  const entries = Object.entries(template as Readonly<Record<string, Template | undefined>>).flatMap(([key, item]) =>
    item === undefined ? [] : [[key, resolveTemplate(item, resolution)] as const],
  );
  const wrong = entries.map(([, item]) => item).find((item) => 'fault' in item);
  if (wrong !== undefined) return wrong;
  return { value: Object.fromEntries(entries.flatMap(([key, item]) => ('value' in item ? [[key, item.value]] : []))) };
}

function resolveText(template: string, resolution: Resolution): CelResult {
  const lone = loneExpression(template);
  if (lone !== undefined) return evaluateSource(lone, resolution);
  const parts = splitTemplate(template);
  if (parts === undefined) return { fault: `"${template}" opens \${{ and does not close it` };
  let text = '';
  for (const part of parts) {
    const resolved: CelResult = 'text' in part ? { value: part.text } : evaluateSource(part.source, resolution);
    if ('fault' in resolved) return resolved;
    const value = 'value' in resolved ? resolved.value : null;
    if (value === null || typeof value === 'object')
      return { fault: `\${{ ${'source' in part ? part.source : ''} }} gives no text, number or boolean, so it cannot stand within text` };
    text += String(value);
  }
  return { value: text };
}

/** Evaluates one expression; a fault names it. */
export function evaluateSource(source: string, { compiler, scope }: Resolution): CelResult {
  const compiled = compiler.compile(source);
  const result = 'fault' in compiled ? compiled : compiled.evaluate(scope);
  return 'fault' in result ? { fault: `\${{ ${source} }}: ${result.fault}` } : result;
}
