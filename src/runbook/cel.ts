import { type ASTNode, TypeError as CelTypeError, Environment, EvaluationError, Optional, ParseError } from '@marcbachmann/cel-js';
import type { ExpressionScope } from '../engine/expression.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { boundNames, type Reference, referencesOf } from './cel-references.ts';
import { encodeStepId, encodeStepIds, widenHas } from './cel-source.ts';
import { renderPath } from './faults.ts';

/** The variables expressions may read, with the declaration of each: a CEL type or a schema of fields. */
export interface CelVariables {
  readonly plan: CelDeclaration;
  readonly inputs: CelDeclaration;
  readonly steps: CelDeclaration;
}
export type CelDeclaration = string | { readonly [field: string]: CelDeclaration };

/** A parsed expression. */
export interface CompiledCel {
  readonly source: string;
  readonly references: readonly Reference[];
  /** Type of the result, `dyn` when it is known only at run time; or what is wrong with the types. */
  check(): { readonly type: string } | { readonly fault: string };
  /** The value; `absent` when it is an optional without a value. */
  evaluate(scope: ExpressionScope): CelResult;
}

export type CelResult = { readonly value: JsonValue } | { readonly absent: true } | { readonly fault: string };

/** Parses expressions; remembers what it has parsed. */
export interface CelCompiler {
  compile(source: string): CompiledCel | { readonly fault: string };
}

/** Any value may be in any variable; types show only when the expression is evaluated. */
const UNTYPED: CelVariables = { plan: 'map', inputs: 'map', steps: 'map' };

/**
 * Makes a compiler of CEL (https://github.com/google/cel-spec) with optional selection (`plan.?dns.?servers.orValue([])`). Two things are wider than the
 * standard: step ids may hold hyphens (`steps.verify-health.outputs.x`), and `has(a.b.c)` is false also when `a.b` is absent.
 */
export function createCelCompiler(variables: CelVariables = UNTYPED): CelCompiler {
  const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
  for (const [name, declaration] of Object.entries(variables) as [string, CelDeclaration][]) {
    if (typeof declaration === 'string') environment.registerVariable(name, declaration);
    else environment.registerVariable(name, { schema: declaration });
  }
  environment.registerVariable('item', 'dyn');
  const known = new Map<string, CompiledCel | { readonly fault: string }>();
  return {
    compile: (source) => {
      const compiled = known.get(source) ?? compile(environment, source);
      known.set(source, compiled);
      return compiled;
    },
  };
}

function compile(environment: Environment, source: string): CompiledCel | { readonly fault: string } {
  if (source.trim() === '') return { fault: 'is empty' };
  try {
    const encoded = encodeStepIds(source);
    const ast: ASTNode = environment.parse(encoded).ast;
    const shadow = boundNames(ast).find((name) => name === 'item' || Object.hasOwn(UNTYPED, name));
    if (shadow !== undefined) return { fault: `a macro variable may not be named ${shadow}, which stands for something else` };
    const references = referencesOf(ast);
    const program = environment.parse(widenHas(encoded, ast));
    return {
      source,
      references,
      check: () => {
        const result = program.check();
        return result.valid ? { type: result.type ?? 'dyn' } : { fault: summaryOf(result.error) };
      },
      evaluate: (scope) => evaluate(() => program(contextOf(scope)) as unknown, { references, scope }),
    };
  } catch (error) {
    return { fault: summaryOf(error) };
  }
}

interface Evaluation {
  readonly references: readonly Reference[];
  readonly scope: ExpressionScope;
}

function evaluate(run: () => unknown, { references, scope }: Evaluation): CelResult {
  try {
    const value = run();
    if (value instanceof Optional && !value.hasValue()) return { absent: true };
    return fromCel(value instanceof Optional ? (value.value() as unknown) : value);
  } catch (error) {
    const summary = summaryOf(error);
    const untested = (error as EvaluationError).code === 'no_such_key' ? references.filter((reference) => !reference.tested) : [];
    return { fault: untested.map((reference) => absence(reference, scope)).find((text) => text !== undefined) ?? summary };
  }
}

/** Says that a part of what an expression reads does not exist; `undefined` when all of it does. */
function absence({ root, path, firm }: Reference, scope: ExpressionScope): string | undefined {
  let current: unknown = scope[root as keyof ExpressionScope];
  for (const [index, part] of path.slice(0, firm).entries()) {
    if (typeof current === 'object' && current !== null && Object.hasOwn(current, part)) {
      current = (current as Record<string, unknown>)[part];
      continue;
    }
    if (root === 'steps') return `step ${path[0]} has no such output here: it was skipped, or has not succeeded; test it with has()`;
    return `${renderPath([root, ...path.slice(0, index + 1)])} does not exist; test it with has() or select it with .?`;
  }
  return undefined;
}

/** What the library says, without the drawing of the source below it. Anything else that it throws is a defect and stays one. */
function summaryOf(error: unknown): string {
  if (!(error instanceof ParseError || error instanceof EvaluationError || error instanceof CelTypeError)) throw error;
  return `${error.summary.charAt(0).toLowerCase()}${error.summary.slice(1)}`;
}

function contextOf(scope: ExpressionScope): Record<string, unknown> {
  const steps = Object.entries(scope.steps).map(([id, step]) => [encodeStepId(id), { outputs: toCel(step.outputs) }]);
  const item = scope.item === undefined ? {} : { item: toCel(scope.item) };
  return { plan: toCel(scope.plan), inputs: toCel(scope.inputs), steps: Object.fromEntries(steps) as unknown, ...item };
}

/** Whole numbers become CEL's `int`, so that `plan.x + 1` works; the literal 1 is an `int` too. */
function toCel(value: JsonValue | undefined): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((item) => toCel(item as JsonValue));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as JsonObject).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, toCel(item)]));
}

function fromCel(value: unknown): CelResult {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return { value };
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? { value: number } : { fault: `gives ${value}, which JSON cannot hold exactly` };
  }
  if (typeof value === 'number') return Number.isFinite(value) ? { value } : { fault: `gives ${value}, which JSON cannot hold` };
  if (Array.isArray(value))
    return gather(
      value.map((item) => fromCel(item)),
      (items) => items,
    );
  if (isPlainObject(value)) {
    const keys = Object.keys(value);
    return gather(
      keys.map((key) => fromCel(value[key])),
      (items) => Object.fromEntries(items.map((item, index) => [keys[index] ?? '', item])),
    );
  }
  return { fault: 'gives a value that JSON cannot hold; turn it into text with string()' };
}

function gather(results: readonly CelResult[], build: (values: readonly JsonValue[]) => JsonValue): CelResult {
  const wrong = results.find((result) => 'fault' in result);
  if (wrong !== undefined) return wrong;
  return { value: build(results.flatMap((result) => ('value' in result ? [result.value] : []))) };
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
