import { formatDuration } from '../model/duration.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import { topologicalOrder } from './graph.ts';
import type { Gate, StepGraph, StepNode } from './graph-types.ts';

/** Renders a graph as a list that can be read top to bottom: each step after its needs, with gate, guard and conditions. */
export function renderGraphText(graph: StepGraph): string {
  const order = topologicalOrder<StepId, StepNode>(graph.nodes);
  const width = String(order.length).length;
  const lines = order.flatMap((node, index) => {
    const number = String(index + 1).padStart(width);
    const indent = ' '.repeat(width + 2);
    return [`${number}. ${node.id}  ${node.summary} (${node.uses})`, ...remarksOf(node).map((remark) => `${indent}${remark}`)];
  });
  return `${[`${graph.name}: ${graph.description}`, ...lines].join('\n')}\n`;
}

/** Renders a graph for Graphviz: boxes are steps, red ones destroy, a double border has a gate, dashed ones are skipped; dotted edges are guards. */
export function renderGraphviz(graph: StepGraph): string {
  const nodes = graph.nodes.map((node) => `  ${quote(node.id)} [${attributesOf(node).join(', ')}];`);
  const edges = graph.nodes.flatMap((node) => node.needs.map((need) => `  ${quote(need)} -> ${quote(node.id)};`));
  const guards = graph.nodes.flatMap((node) =>
    (node.guard?.protects ?? []).map((step) => `  ${quote(node.id)} -> ${quote(step)} [style=dotted, label="guards"];`),
  );
  return `${[`digraph ${quote(graph.name)} {`, '  rankdir=LR;', '  node [shape=box, fontname="sans-serif"];', ...nodes, ...edges, ...guards, '}'].join('\n')}\n`;
}

/** A graph as JSON for other programs: steps in an order in which they can run. Plan and inputs are left out. */
export function renderGraphJson(graph: StepGraph): JsonObject {
  const steps = topologicalOrder<StepId, StepNode>(graph.nodes);
  const { name, description, digest, keepGoing } = graph;
  return { name, description, digest, keepGoing, steps: steps as unknown as readonly JsonObject[] };
}

/** A gate in words: `gate: the cluster's name must be typed (why)`. */
export function describeGate(gate: Gate): string {
  const what =
    gate.confirm !== undefined
      ? "the cluster's name must be typed"
      : gate.attest !== undefined
        ? `a person must state: ${gate.attest}`
        : 'a person must approve';
  return `${what} (${gate.reason})`;
}

function remarksOf(node: StepNode): readonly string[] {
  return [
    ...(node.skipped === undefined ? [] : [`skipped: ${node.skipped}`]),
    ...(node.needs.length === 0 ? [] : [`after ${node.needs.join(', ')}`]),
    ...(node.if === undefined ? [] : [`only if ${node.if}`]),
    ...(node.gate === undefined ? [] : [`gate: ${describeGate(node.gate)}`]),
    ...(node.guard === undefined ? [] : [`watches while ${node.guard.protects.join(', ')} run; a violation stops them`]),
    ...(node.always === true ? ['always, also after a failure'] : []),
    `${node.risk}${node.safety ? ', safety step' : ''}, at most ${formatDuration(node.timeoutMs)}${node.group === undefined ? '' : `, ${node.group.limit} at a time in group ${node.group.name}`}`,
  ];
}

function attributesOf(node: StepNode): readonly string[] {
  return [
    `label=${quote(`${node.id}\n${node.uses}`)}`,
    ...(node.risk === 'destructive' ? ['color="red"'] : []),
    ...(node.gate === undefined ? [] : ['peripheries=2']),
    ...(node.skipped === undefined ? [] : ['style=dashed']),
  ];
}

/** A Graphviz string; a line break is written as `\n`. */
function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
