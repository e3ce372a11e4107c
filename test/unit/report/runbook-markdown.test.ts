import { describe, expect, it } from 'vitest';
import { renderRunbookMarkdown } from '../../../src/report/runbook-markdown.ts';
import { outlineRunbook } from '../../../src/runbook/outline.ts';
import { loadRunbook } from '../../../src/runbook/validate.ts';
import { catalogue } from '../../../src/steps/catalogue.ts';
import { SMALL } from '../runbook/catalogue.ts';
import { book, fileOf, fullPlan, usEast } from '../runbook/fixtures.ts';

const BOOK = `steps:
- { id: last, uses: test/destroy, needs: [each, make-it], always: true, gate: { approve: 1, reason: traffic moves } }
- { id: make-it, uses: test/make, with: { name: "\${{ plan.cluster.name }}-\${{ inputs.size }}", tags: [a, "b\`c"], limit: "\${{ plan.?objectives.?gone }}" }, timeout: 90s }
- { id: each, uses: test/make, needs: [make-it], forEach: plan.controlPlane.nodes, if: has(plan.dns), runIn: [drill], with: { name: "\${{ steps.make-it.outputs.address }}" }, gate: { attest: it is off, reason: two write at once } }
- { id: watch, uses: test/watch, needs: [make-it], guard: { protects: [last] } }
- { id: all, uses: test/loose, with: { name: "\${{ plan.specs.git.ref }}" }, if: has(plan.externals), gate: { confirm: cluster, reason: it is gone then } }`;
const INPUTS =
  'inputs:\n  size: { type: number, description: "how | many", default: 3 }\n  who: { type: string, description: who, optional: true }\n  must: { type: string, description: must }';

describe('a runbook as a procedure', () => {
  it('is complete without a plan', () => {
    expect(
      renderRunbookMarkdown(outlineRunbook({ runbook: book(INPUTS, BOOK.replace(', limit: "${{ plan.?objectives.?gone }}"', '')), catalogue: SMALL })),
    ).toMatchSnapshot();
  });

  it('has the values of a plan', () => {
    expect(
      renderRunbookMarkdown(
        outlineRunbook({
          runbook: book(INPUTS, BOOK.replace('.?objectives.?gone', '.?cluster.?existing')),
          catalogue: SMALL,
          plan: usEast(),
          inputs: { must: 'x' },
        }),
      ),
    ).toMatchSnapshot();
  });

  it('names every step of the shipped runbook once, after those it needs', () => {
    const runbook = loadRunbook(fileOf('runbooks/rebuild.yaml'), catalogue);
    const { steps } = outlineRunbook({ runbook, catalogue, plan: fullPlan() });
    expect(steps.map((step) => step.number)).toEqual(runbook.runbook.spec.steps.map((_, index) => index + 1));
    for (const step of steps) for (const need of step.needs) expect(need.number).toBeLessThan(step.number);
    const text = renderRunbookMarkdown(outlineRunbook({ runbook, catalogue, plan: fullPlan() }));
    for (const { id } of runbook.runbook.spec.steps) expect(text.match(new RegExp(`^### \\d+\\. ${id}( |$)`, 'gm'))).toHaveLength(1);
    expect(text).toContain('### `plan.cluster`');
    expect(text).toContain('retire (not needed for this plan)');
  });
});
