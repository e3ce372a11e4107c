import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { strongComponents } from '../../../src/specs/strong-components.ts';

/** Every vertex that can be reached, by plain search: slow and obviously right. */
function reachable(edges: readonly (readonly number[])[], from: number): ReadonlySet<number> {
  const seen = new Set<number>();
  const queue = [...(edges[from] ?? [])];
  for (let vertex = queue.pop(); vertex !== undefined; vertex = queue.pop()) {
    if (seen.has(vertex)) continue;
    seen.add(vertex);
    queue.push(...(edges[vertex] ?? []));
  }
  return seen;
}

const graphs = fc
  .integer({ min: 1, max: 12 })
  .chain((size) => fc.array(fc.array(fc.integer({ min: 0, max: size - 1 }), { maxLength: 4 }), { minLength: size, maxLength: size }));

describe('strong components', () => {
  it('puts two vertices together exactly when each reaches the other', () => {
    fc.assert(
      fc.property(graphs, (edges) => {
        const component = new Map(strongComponents(edges).flatMap((members, index) => members.map((vertex) => [vertex, index] as const)));
        expect(component.size).toBe(edges.length);
        for (const [a] of edges.entries()) {
          for (const [b] of edges.entries()) {
            const together = a === b || (reachable(edges, a).has(b) && reachable(edges, b).has(a));
            expect(component.get(a) === component.get(b)).toBe(together);
          }
        }
      }),
    );
  });

  it('lists a component after all components it points to, each vertex once', () => {
    fc.assert(
      fc.property(graphs, (edges) => {
        const components = strongComponents(edges);
        const position = new Map(components.flatMap((members, index) => members.map((vertex) => [vertex, index] as const)));
        expect(components.flat().toSorted((a, b) => a - b)).toEqual(edges.map((_, vertex) => vertex));
        for (const [from, targets] of edges.entries()) for (const to of targets) expect(position.get(to)).toBeLessThanOrEqual(position.get(from) ?? -1);
      }),
    );
  });

  it('does not recurse: a chain of 100,000 is one component each', () => {
    const size = 100_000;
    const chain = Array.from({ length: size }, (_, vertex) => (vertex + 1 < size ? [vertex + 1] : []));
    expect(strongComponents(chain)).toHaveLength(size);
  });
});
