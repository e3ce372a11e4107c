import { type CelCompiler, type CompiledCel, createCelCompiler } from './cel.ts';
import type { Reference } from './cel-references.ts';
import { celTypes } from './cel-types.ts';
import { type ReferenceWorld, referenceProblem } from './check-references.ts';
import { type ExpressionSite, expressionSites } from './expression-sites.ts';
import type { Fault } from './faults.ts';
import { schemaAt, typesOf } from './json-schema.ts';
import type { StepView } from './step-view.ts';
import type { YamlSource } from './yaml-source.ts';

/** What expressions are checked with. */
export interface ExpressionCheck {
  readonly source: YamlSource;
  readonly views: readonly StepView[];
  readonly world: ReferenceWorld;
  readonly compiler: CelCompiler;
  /** The plan is known, so expressions that read only plan and inputs are checked by their value elsewhere. */
  readonly planKnown: boolean;
}

/** Faults of all expressions: syntax, what they read, and types as far as they are known before a run. */
export function checkExpressions(check: ExpressionCheck): readonly Fault[] {
  const typed = createCelCompiler(celTypes({ plan: check.world.planSchema, inputs: check.world.inputs, views: check.views, kinds: check.world.kinds }));
  return check.views.flatMap((view) => {
    const { sites, open } = expressionSites(view);
    const broken = open.map(({ path }) => check.source.faultAt(path, { message: 'opens ${{ and does not close it' }));
    return [...broken, ...sites.flatMap((site) => siteFaults(site, { ...check, typed }))];
  });
}

interface SiteCheck extends ExpressionCheck {
  readonly typed: CelCompiler;
}

function siteFaults(site: ExpressionSite, check: SiteCheck): readonly Fault[] {
  const fault = (problem: { readonly message: string; readonly suggestion?: string }): Fault =>
    check.source.faultAt(site.path, { ...problem, message: `expression "${site.source}" ${problem.message}`, near: site.source });
  const compiled = check.compiler.compile(site.source);
  if ('fault' in compiled) return [fault({ message: `is no CEL: ${compiled.fault}` })];
  const tests = [...compiled.references, ...conditionReferences(site, check.compiler)].filter((reference) => reference.tested);
  const problems = compiled.references.flatMap((reference) => referenceProblem({ reference, site, tests }, check.world) ?? []);
  if (problems.length > 0) return problems.map(fault);
  const types = typeProblem(site, compiled, check);
  return types === undefined ? [] : [fault({ message: types })];
}

/** What the step's own `if` reads: it has been true when `with` is resolved. */
function conditionReferences(site: ExpressionSite, compiler: CelCompiler): readonly Reference[] {
  if (site.role !== 'with' || site.step.condition === undefined) return [];
  const compiled = compiler.compile(site.step.condition);
  return 'fault' in compiled ? [] : compiled.references;
}

const RESULT: Readonly<Record<'if' | 'forEach', { readonly allowed: RegExp; readonly words: string }>> = {
  if: { allowed: /^(bool|dyn)$/, words: 'true or false' },
  forEach: { allowed: /^(list(<.*>)?|dyn)$/, words: 'a list' },
};

function typeProblem(site: ExpressionSite, compiled: CompiledCel, check: SiteCheck): string | undefined {
  const typed = check.typed.compile(site.source);
  if ('fault' in typed) return `is no CEL: ${typed.fault}`;
  const strict = typed.check();
  const result = 'fault' in strict && isLoose(compiled, check.world) ? compiled.check() : strict;
  if ('fault' in result) return `has wrong types: ${result.fault}`;
  if (site.role === 'with') return misfit(result.type, { site, compiled, check });
  const { allowed, words } = RESULT[site.role];
  return allowed.test(result.type) ? undefined : `gives ${result.type.startsWith('$') ? 'a map' : result.type}, must give ${words}`;
}

/**
 * Says whether types are no guide: typed maps are structs to CEL, which `in`, `size` and `==` refuse though the run would not, and the items of a `forEach`
 * are not declared.
 */
function isLoose({ references }: CompiledCel, { planSchema, inputs }: ReferenceWorld): boolean {
  return references.some(({ root, path }) => {
    if (root === 'steps') return path.length <= 2 || String(path[0]).includes('[');
    if (root === 'inputs') return path.length === 0 || Object.keys(inputs).length === 0;
    if (root !== 'plan') return false;
    const spot = schemaAt(planSchema, path);
    return spot.state === 'closed' && spot.keys.length > 0;
  });
}

interface Fit {
  readonly site: ExpressionSite;
  readonly compiled: CompiledCel;
  readonly check: SiteCheck;
}

/** Says when the type of an expression is none that the step kind takes at its place. */
function misfit(type: string, { site, compiled, check }: Fit): string | undefined {
  const kind = check.world.kinds.get(site.step.uses);
  const hasValue = check.planKnown && compiled.references.every((reference) => reference.root !== 'steps');
  if (kind === undefined || hasValue || !site.alone) return undefined;
  const spot = schemaAt(kind.with, site.path.slice(site.step.path.length + 1));
  const given = jsonTypesOf(type);
  if (spot.state !== 'closed' || given === undefined) return undefined;
  const taken = typesOf(spot.schemas);
  return given.some((name) => taken.has(name)) ? undefined : `gives ${given[0]}, and ${kind.kind.kind} takes ${[...taken].join(' or ')} here`;
}

/** JSON Schema types of a CEL type; `undefined` when they are known only at run time. */
function jsonTypesOf(type: string): readonly string[] | undefined {
  if (type === 'string') return ['string'];
  if (type === 'bool') return ['boolean'];
  if (type === 'int' || type === 'uint' || type === 'double') return ['number', 'integer'];
  if (/^list(<.*>)?$/.test(type)) return ['array'];
  return type.startsWith('$') || /^map(<.*>)?$/.test(type) ? ['object'] : undefined;
}
