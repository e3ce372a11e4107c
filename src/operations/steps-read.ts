import type { Template } from '../engine/expression.ts';
import type { StepNode } from '../engine/graph-types.ts';
import type { StepId } from '../model/ids.ts';
import { createCelCompiler } from '../runbook/cel.ts';
import { isExpression } from '../runbook/expressions.ts';
import { splitTemplate } from '../runbook/template.ts';

/** The steps whose outputs a node's `with` or `if` reads, also where it only asks whether they exist. Those of a `forEach` all count. */
export function stepsReadBy(node: StepNode, nodes: readonly StepNode[]): readonly StepId[] {
  const compiler = createCelCompiler();
  const sources = [...sourcesIn(node.with), ...(node.if === undefined ? [] : [node.if])];
  const references = sources.flatMap((source) => {
    const compiled = compiler.compile(source);
    return 'fault' in compiled ? [] : compiled.references;
  });
  const named = references.filter(({ root }) => root === 'steps').map(({ path }) => (path[0] === undefined ? undefined : String(path[0])));
  // A reference to `steps` as a whole reads all that came before.
  const isRead = (id: StepId): boolean => named.some((name) => (name === undefined ? node.needs.includes(id) : id === name || id.startsWith(`${name}[`)));
  return nodes.map(({ id }) => id).filter(isRead);
}

function sourcesIn(template: Template | undefined): readonly string[] {
  if (template === undefined || template === null || typeof template !== 'object') return [];
  if (isExpression(template)) return (splitTemplate(template.$expr) ?? []).flatMap((part) => ('source' in part ? [part.source] : []));
  return Object.values(template).flatMap((part) => sourcesIn(part));
}
