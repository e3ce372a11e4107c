import { createCelCompiler, type CelCompiler, type CompiledCel } from './cel.ts';
import type { Reference } from './cel-references.ts';
import { celTypes } from './cel-types.ts';
import { type ReferenceWorld, referenceProblem } from './check-references.ts';
import { type ExpressionSite, expressionSites } from './expression-sites.ts';
import type { Fault } from './faults.ts';
import { schemaAt } from './json-schema.ts';
import type { StepView } from './step-view.ts';
import type { YamlSource } from './yaml-source.ts';

/** What expressions are checked with. */
export interface ExpressionCheck {
  readonly source: YamlSource;
  readonly views: readonly StepView[];
  readonly world: ReferenceWorld;
  readonly compiler: CelCompiler;
}

/** Faults of all expressions: syntax, what they read, and types as far as they are known before a run. */
export function checkExpressions(check: ExpressionCheck): readonly Fault[] {
  const typed = createCelCompiler(celTypes({ plan: check.world.planSchema, inputs: check.world.inputs, views: check.views, catalogue: check.world.catalogue }));
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
  const typed = readsWholeMap(compiled, check.world) ? compiled : check.typed.compile(site.source);
  if ('fault' in typed) return `is no CEL: ${typed.fault}`;
  const result = typed.check();
  if ('fault' in result) return `has wrong types: ${result.fault}`;
  if (site.role === 'with') return undefined;
  const { allowed, words } = RESULT[site.role];
  return allowed.test(result.type) ? undefined : `gives ${result.type.startsWith('$') ? 'a map' : result.type}, must give ${words}`;
}

/** Typed maps are structs to CEL, which `in`, `size` and `==` refuse though the run would not; expressions that read one as a whole are checked untyped. */
function readsWholeMap({ references }: CompiledCel, { planSchema, inputs }: ReferenceWorld): boolean {
  return references.some(({ root, path }) => {
    if (root === 'steps') return path.length <= 2;
    if (root === 'inputs') return path.length === 0 || Object.keys(inputs).length === 0;
    if (root !== 'plan') return false;
    const spot = schemaAt(planSchema, path);
    return spot.state === 'closed' && spot.keys.length > 0;
  });
}
