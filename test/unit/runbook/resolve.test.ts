import { describe, expect, it } from 'vitest';
import type { StepGraph } from '../../../src/engine/graph-types.ts';
import { isDrError } from '../../../src/errors/dr-error.ts';
import { isStepId } from '../../../src/model/ids.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import { createExpressionEvaluator } from '../../../src/runbook/expressions.ts';
import type { LoadedPlan } from '../../../src/runbook/load-plan.ts';
import { resolveRunbook } from '../../../src/runbook/resolve.ts';
import type { RunMode } from '../../../src/runbook/runbook.ts';
import { loadRunbook } from '../../../src/runbook/validate.ts';
import { catalogue } from '../../../src/steps/catalogue.ts';
import { SMALL } from './catalogue.ts';
import { book, bookText, fileOf, fullPlan, usEast } from './fixtures.ts';

interface Given {
  readonly plan?: LoadedPlan;
  readonly inputs?: JsonObject;
  readonly mode?: RunMode;
}

function graphOf(blocks: string | readonly string[], { plan = fullPlan(), inputs = {}, mode = 'recovery' }: Given = {}): StepGraph {
  return resolveRunbook({ runbook: book(...[blocks].flat()), plan, inputs, mode, catalogue: SMALL });
}

const nodeOf = (graph: StepGraph, id: string) => graph.nodes.find((node) => node.id === id);

describe('a resolved runbook', () => {
  it('takes from the kind what the step leaves out', () => {
    const [node] = graphOf('steps: [{ id: a, uses: test/make, with: { name: x } }]').nodes;
    expect(node).toEqual({
      id: 'a',
      uses: 'test/make',
      version: 1,
      summary: 'does test/make',
      risk: 'reversible',
      safety: false,
      needs: [],
      with: { name: 'x' },
      timeoutMs: 60_000,
      retry: { attempts: 5, firstDelayMs: 1_000, maxDelayMs: 8_000 },
      phase: 'test',
    });
  });

  it('takes from the step what it says', () => {
    const steps =
      'steps:\n- { id: b, uses: test/plain }\n- { id: w, uses: test/watch, guard: { protects: [a] } }\n- { id: a, uses: test/plain, needs: [b], timeout: 2m, retry: { attempts: 2, maxDelay: 1s }, phase: p, always: true, gate: { approve: 1, reason: r } }';
    const graph = graphOf(['keepGoing: true', steps]);
    expect(nodeOf(graph, 'a')).toMatchObject({
      needs: ['b'],
      timeoutMs: 120_000,
      retry: { attempts: 2, firstDelayMs: 1_000, maxDelayMs: 1_000 },
      phase: 'p',
      always: true,
      gate: { approve: 1, reason: 'r' },
    });
    expect(nodeOf(graph, 'w')?.guard).toEqual({ protects: ['a'] });
    expect(graph.keepGoing).toBe(true);
  });

  it('keeps expressions as data', () => {
    const [node] = graphOf('steps: [{ id: a, uses: test/make, with: { name: "${{ plan.cluster.name }}", tags: ["x-${{ plan.specs.git.ref }}"] } }]').nodes;
    expect(node?.with).toEqual({ name: { $expr: '${{ plan.cluster.name }}' }, tags: [{ $expr: 'x-${{ plan.specs.git.ref }}' }] });
  });

  it('survives a round trip through JSON, and its expressions with it', () => {
    const graph = graphOf('steps: [{ id: a, uses: test/make, with: { name: "${{ plan.cluster.name }}" } }]');
    const read = JSON.parse(JSON.stringify(graph)) as StepGraph;
    expect(read).toEqual(graph);
    expect(createExpressionEvaluator().resolve(read.nodes[0]?.with ?? {}, { plan: read.plan, inputs: read.inputs, steps: {} })).toEqual({ name: 'eu-west' });
  });

  it('has a digest that any change of it changes', () => {
    const text = 'steps: [{ id: a, uses: test/make, with: { name: x } }]';
    const digests = [graphOf(text), graphOf(text.replace('x', 'y')), graphOf(text, { plan: usEast() }), graphOf(`${text}\nkeepGoing: true`)].map(
      (graph) => graph.digest,
    );
    expect(new Set(digests).size).toBe(4);
    expect(graphOf(text).digest).toBe(digests[0]);
  });

  it('has the values of inputs, given and by default', () => {
    const inputs =
      'inputs: { who: { type: string, description: w }, n: { type: number, description: n, default: 2 }, o: { type: list, description: o, optional: true } }';
    const steps = 'steps: [{ id: a, uses: test/make, with: { name: "${{ inputs.who }}", size: "${{ inputs.n }}", tags: "${{ inputs.?o }}" } }]';
    expect(graphOf([inputs, steps], { inputs: { who: 'x' } }).inputs).toEqual({ who: 'x', n: 2 });
    expect(graphOf([inputs, steps], { inputs: { who: 'x', n: '7', o: '["t"]' } }).inputs).toEqual({ who: 'x', n: 7, o: ['t'] });
  });
});

describe('forEach', () => {
  const fenceAll =
    'steps:\n- { id: first, uses: test/plain }\n- { id: fence, uses: test/make, needs: [first], forEach: "${{ plan.controlPlane.nodes }}", maxParallel: 2, with: { name: "${{ item.address }}" } }\n- { id: last, uses: test/plain, needs: [fence] }';

  it('makes one node for each item, which needs on it mean all', () => {
    const graph = graphOf(fenceAll);
    expect(graph.nodes.map((node) => node.id)).toEqual(['first', 'fence[cp-1]', 'fence[cp-2]', 'last']);
    expect(nodeOf(graph, 'last')?.needs).toEqual(['fence[cp-1]', 'fence[cp-2]']);
    expect(nodeOf(graph, 'fence[cp-2]')).toMatchObject({
      needs: ['first'],
      item: { name: 'cp-2', address: '10.0.0.12' },
      group: { name: 'forEach fence', limit: 2 },
    });
    expect(graph.nodes.every((node) => isStepId(node.id))).toBe(true);
  });

  it('over nothing leaves a skipped node that passes order on', () => {
    const graph = graphOf(fenceAll.replace('plan.controlPlane.nodes', "plan.controlPlane.nodes.filter(n, n.name == 'x')"));
    expect(nodeOf(graph, 'fence')).toMatchObject({ needs: ['first'], skipped: "forEach gives no items: plan.controlPlane.nodes.filter(n, n.name == 'x')" });
    expect(nodeOf(graph, 'last')?.needs).toEqual(['fence']);
  });

  it.each([
    ['[1, "b", 2.5]', ['a[1]', 'a[b]', 'a[2.5]']],
    ['[{"id": 7}, {"x": 1}, [1]]', ['a[7]', 'a[1]', 'a[2]']],
    ['plan.health', ['a[shop]', 'a[direct]']],
  ])('names the items of %s', (list, ids) => {
    const graph = graphOf(`steps: [{ id: a, uses: test/plain, forEach: '${list}' }]`);
    expect(graph.nodes.map((node) => node.id)).toEqual(ids);
  });

  it('decides a condition for each item', () => {
    const graph = graphOf('steps: [{ id: a, uses: test/plain, forEach: plan.controlPlane.nodes, if: has(item.ssh) }]');
    expect(graph.nodes.map((node) => node.skipped)).toEqual([undefined, 'its condition is false: has(item.ssh)']);
  });

  it('reads the outputs of one item by name', () => {
    const graph = graphOf(`${fenceAll}\n- { id: read, uses: test/make, needs: [fence], with: { name: "\${{ steps['fence[cp-1]'].outputs.address }}" } }`);
    const scope = { plan: {}, inputs: {}, steps: { 'fence[cp-1]': { outputs: { address: 'x' } } } };
    expect(createExpressionEvaluator().resolve(nodeOf(graph, 'read')?.with ?? {}, scope)).toEqual({ name: 'x' });
  });

  it('keeps a smaller limit of the kind', () => {
    expect(graphOf('steps: [{ id: a, uses: test/grouped, forEach: plan.health, maxParallel: 5 }]').nodes[0]?.group).toEqual({ name: 'writes', limit: 2 });
  });
});

describe('steps that are out before the run', () => {
  it('by mode and by condition stay, with the reason, and pass order on', () => {
    const steps =
      'steps:\n- { id: a, uses: test/plain, runIn: [recovery] }\n- { id: b, uses: test/plain, needs: [a], if: has(plan.dns) }\n- { id: c, uses: test/plain, needs: [b], if: "!has(plan.dns)" }\n- { id: d, uses: test/plain, needs: [c] }';
    const graph = graphOf(steps, { mode: 'drill' });
    expect(graph.nodes.map((node) => [node.id, node.needs, node.skipped])).toEqual([
      ['a', [], 'runs only in recovery, and this is a drill'],
      ['b', ['a'], undefined],
      ['c', ['b'], 'its condition is false: !has(plan.dns)'],
      ['d', ['c'], undefined],
    ]);
    expect(graph.nodes.map((node) => node.if)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('need not fit the plan', () => {
    const plan = usEast();
    const step = 'steps: [{ id: a, uses: test/make, if: has(plan.externals), with: { name: "${{ plan.externals[0].name }}" } }]';
    expect(graphOf(step, { plan }).nodes[0]?.skipped).toContain('has(plan.externals)');
    expect(() => graphOf(step.replace('if: has(plan.externals), ', ''), { plan })).toThrow('plan.externals does not exist');
  });

  it('are not decided when the run decides', () => {
    const graph = graphOf(
      'steps:\n- { id: a, uses: test/make, with: { name: x } }\n- { id: b, uses: test/plain, needs: [a], if: "${{ steps.a.outputs.count > 1 }}" }',
    );
    expect(nodeOf(graph, 'b')).toMatchObject({ if: 'steps.a.outputs.count > 1' });
  });
});

describe('the shipped runbook', () => {
  const load = () => loadRunbook(fileOf('runbooks/rebuild.yaml'), catalogue);

  it.each([
    ['a lattice cluster', usEast],
    ['a cluster made by a command', fullPlan],
  ])('resolves for %s', (_, plan) => {
    const graph = resolveRunbook({ runbook: load(), plan: plan(), inputs: { commit: 'abc' }, mode: 'recovery', catalogue });
    expect(graph.nodes.length).toBeGreaterThan(10);
    expect(nodeOf(graph, 'retire')?.skipped === undefined).toBe(plan().plan.spec.cluster.provisioner === 'lattice');
  });

  it('lets nothing destructive start before the fence, and nobody be moved before health is proven', () => {
    const graph = resolveRunbook({ runbook: load(), plan: usEast(), inputs: { commit: 'abc' }, mode: 'recovery', catalogue });
    const before = (id: string): ReadonlySet<string> => {
      const needs = nodeOf(graph, id)?.needs ?? [];
      return new Set([...needs, ...needs.flatMap((need) => [...before(need)])]);
    };
    const fences = graph.nodes.filter((node) => node.uses.startsWith('fence/')).map((node) => node.id);
    expect(fences).not.toEqual([]);
    const destructive = graph.nodes.filter((node) => node.risk === 'destructive' && !node.uses.startsWith('fence/'));
    for (const node of destructive) for (const fence of fences) expect([...before(node.id)], `${node.id} before ${fence}`).toContain(fence);
    for (const node of graph.nodes.filter(({ uses }) => uses.startsWith('fence/'))) expect([...before(node.id)]).toContain('preflight');
    expect([...before('cutover')]).toContain('verify-health');
    expect([...before('specs')]).toEqual(expect.arrayContaining(['volumes', 'secrets', 'ready']));
    expect(nodeOf(graph, 'cutover')?.gate?.approve).toBe(1);
  });
});

describe('resolving', () => {
  it('lists every fault that plan and inputs bring, in one INPUT_INVALID', () => {
    const text = bookText(
      'inputs: { who: { type: string, description: w } }',
      'steps:\n- { id: a, uses: test/make, with: { name: "${{ plan.state }}" } }\n- { id: b, uses: test/make, with: { name: x, size: "${{ size(plan.health) - 2 }}" } }',
    );
    const runbook = loadRunbook({ file: 't.yaml', text }, SMALL);
    try {
      resolveRunbook({ runbook, plan: fullPlan(), inputs: { whom: 'x' }, mode: 'recovery', catalogue: SMALL });
      expect.unreachable();
    } catch (error) {
      expect(isDrError(error, 'INPUT_INVALID') && error.details['faults']).toHaveLength(4);
    }
  });
});
