import type { z } from 'zod';
import type { Template } from '../engine/expression.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import type { CelCompiler } from './cel.ts';
import { isExpression, resolveTemplate, toTemplate } from './expressions.ts';
import { type DocPath, didYouMean, type Fault, nearest, renderPath } from './faults.ts';
import { schemaAt } from './json-schema.ts';
import type { KnownKind, KnownKinds } from './known-kinds.ts';
import { earlyScope, isKnown, type KnownValues } from './known-values.ts';
import type { StepView } from './step-view.ts';
import { splitTemplate } from './template.ts';
import type { YamlSource } from './yaml-source.ts';
import { MISSING_KEY, zodFaults } from './zod-faults.ts';

export interface WithCheck {
  readonly source: YamlSource;
  readonly kinds: KnownKinds;
  readonly compiler: CelCompiler;
  readonly known: KnownValues;
  /** Rendered paths of expressions that are wrong in themselves; they are not evaluated, so that no fault is listed twice. */
  readonly broken: ReadonlySet<string>;
}

/** One node that a step becomes: the step itself, or one item of its `forEach`. */
export interface Occurrence {
  readonly view: StepView;
  readonly item: JsonValue | undefined;
}

/**
 * Faults of a step's `with` against the schema of its kind. Expressions that read only what is known are checked by their value; what depends on other
 * steps is left for the run, and so are rules between fields when one of the fields is not known yet.
 */
export function checkWith({ view, item }: Occurrence, check: WithCheck): readonly Fault[] {
  const kind = check.kinds.get(view.uses);
  if (kind === undefined) return [];
  const base: DocPath = [...view.path, 'with'];
  const reserved = reservedKeys(view.with, base).map((path) => check.source.faultAt(path, { message: 'the key $expr is reserved', at: 'key' }));
  const filler = new Filler(check, { item, base });
  const data = filler.fill(toTemplate(view.with), []) as JsonObject;
  const broken = filler.faults.map(({ path, message }) => check.source.faultAt([...base, ...path], { message }));
  const unknown = unknownInputs(kind, data, { source: check.source, base });
  // A misspelt required input is one fault: what it is a misspelling of is not missing besides.
  const meant = new Set(unknown.flatMap(({ meant: key }) => (key === undefined ? [] : [renderPath([...base, key])])));
  const others = schemaFaults(kind, data, { source: check.source, base, filler }).filter(
    ({ path, message }) => !(meant.has(path) && message.startsWith(MISSING_KEY)),
  );
  return [...reserved, ...broken, ...unknown.map(({ fault }) => fault), ...others];
}

/** The places of a `with` whose value is not known before the run, and the values of the others. */
class Filler {
  /** Paths of expressions that are evaluated during the run. */
  readonly holes: DocPath[] = [];
  /** Source of every expression that has been evaluated, by path as JSON text. */
  readonly evaluated = new Map<string, string>();
  readonly faults: { readonly path: DocPath; readonly message: string }[] = [];
  readonly #check: WithCheck;
  readonly #item: JsonValue | undefined;
  readonly #base: DocPath;

  constructor(check: WithCheck, { item, base }: { readonly item: JsonValue | undefined; readonly base: DocPath }) {
    this.#check = check;
    this.#item = item;
    this.#base = base;
  }

  fill(template: Template, path: DocPath): JsonValue | undefined {
    if (isExpression(template)) return this.#expression(template.$expr, path);
    if (Array.isArray(template)) return template.map((entry: Template, index) => this.fill(entry, [...path, index]) ?? null);
    if (typeof template !== 'object' || template === null) return template;
    const entries = Object.entries(template as Readonly<Record<string, Template | undefined>>);
    const filled = entries.map(([key, entry]) => [key, entry === undefined ? undefined : this.fill(entry, [...path, key])] as const);
    // An optional expression without a value takes its key away, as deep as it stands.
    return Object.fromEntries(filled.filter((entry): entry is [string, JsonValue] => entry[1] !== undefined));
  }

  #expression(text: string, path: DocPath): JsonValue | undefined {
    const { compiler, known, broken } = this.#check;
    if (broken.has(renderPath([...this.#base, ...path])) || !this.#isKnown(text)) {
      this.holes.push(path);
      return text;
    }
    this.evaluated.set(JSON.stringify(path), text);
    const result = resolveTemplate({ $expr: text }, { compiler, scope: earlyScope(known, this.#item) });
    if ('value' in result) return result.value;
    if ('absent' in result) return undefined;
    this.faults.push({ path, message: result.fault });
    this.holes.push(path);
    return text;
  }

  #isKnown(text: string): boolean {
    return (splitTemplate(text.trim()) ?? []).every((part) => {
      if ('text' in part) return true;
      const compiled = this.#check.compiler.compile(part.source);
      return !('fault' in compiled) && isKnown(compiled, this.#check.known, this.#item);
    });
  }
}

interface Site {
  readonly source: YamlSource;
  readonly base: DocPath;
}

/** A key that the kind does not know, and the one that is not there and was probably meant. */
interface UnknownInput {
  readonly fault: Fault;
  readonly meant: string | undefined;
}

/** Keys that the kind does not know, for kinds whose schema would drop them in silence; schemas that refuse them report them by themselves. */
function unknownInputs(kind: KnownKind, data: JsonObject, { source, base }: Site): readonly UnknownInput[] {
  const spot = schemaAt(kind.with, []);
  if (spot.state === 'open') return [];
  const isLoose = spot.state === 'closed' && spot.schemas.every((schema) => schema['additionalProperties'] === undefined);
  if (!isLoose) return [];
  return Object.keys(data)
    .filter((key) => !spot.keys.includes(key))
    .map((key) => {
      const meant = nearest(
        key,
        spot.keys.filter((known) => !Object.hasOwn(data, known)),
      );
      const hint = meant === undefined ? didYouMean(key, spot.keys) : { suggestion: `did you mean "${meant}"?` };
      return { meant, fault: source.faultAt([...base, key], { message: `unknown key "${key}"`, ...hint, at: 'key' }) };
    });
}

function schemaFaults(kind: KnownKind, data: JsonObject, site: Site & { readonly filler: Filler }): readonly Fault[] {
  const parsed = kind.kind.with.safeParse(data);
  if (parsed.success) return [];
  const { filler, source, base } = site;
  const issues = parsed.error.issues.filter((issue) => !isOpen(issue, filler.holes));
  return zodFaults({ source, base, data, schema: kind.with, issues, origin: (path) => originOf(path, filler.evaluated) });
}

/** The expression whose value a path lies in. */
function originOf(path: DocPath, evaluated: ReadonlyMap<string, string>): string | undefined {
  const lengths = Array.from({ length: path.length }, (_, index) => path.length - index);
  return lengths.map((length) => evaluated.get(JSON.stringify(path.slice(0, length)))).find((source) => source !== undefined);
}

/**
 * Whether an issue may go away once the holes are filled: it stands at or within a hole, or it is a rule between fields of which one is a hole. A rule of
 * one value, which its schema marks with `of: 'value'`, stays.
 */
function isOpen(issue: z.core.$ZodIssue, holes: readonly DocPath[]): boolean {
  if (holes.some((hole) => hole.every((part, index) => part === issue.path[index]))) return true;
  if (issue.code === 'custom') return holes.length > 0 && issue.params?.['of'] !== 'value';
  return issue.code === 'invalid_union' && holes.some((hole) => issue.path.every((part, index) => part === hole[index]));
}

/** Paths of the keys that would be taken for an expression once the graph is on disk. */
function reservedKeys(value: JsonValue | undefined, path: DocPath): readonly DocPath[] {
  if (Array.isArray(value)) return value.flatMap((item: JsonValue, index) => reservedKeys(item, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value as JsonObject).flatMap(([key, item]) => (key === '$expr' ? [[...path, key]] : reservedKeys(item, [...path, key])));
}
