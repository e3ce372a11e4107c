import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import { planRun } from '../../../src/operations/plan-run.ts';
import { planView } from '../../../src/report/plan-view.ts';
import { Bench } from './harness.ts';

const CHAIN = `    - { id: first, uses: test/make, with: { name: a } }
    - { id: second, uses: test/make, needs: [first], with: { name: b, from: "\${{ steps.first.outputs.kubeconfig }}" } }
    - { id: third, uses: test/make, needs: [second], with: { name: c, from: "\${{ steps.second.outputs.kubeconfig }}" }, gate: { approve: 1, reason: traffic moves } }
    - { id: maybe, uses: test/make, needs: [first], if: "has(plan.fence)", with: { name: d } }
`;

describe('planRun', () => {
  it('says of a step that reads unknown outputs after which step it is known, and plans nothing for it', async () => {
    const plan = await planRun(new Bench().request(CHAIN), new Bench().planTools());
    expect(plan.steps.map(({ id, state, knownAfter, changes }) => [id, state, knownAfter, changes.length])).toEqual([
      ['first', 'absent', [], 1],
      ['second', 'known-after', ['first'], 0],
      ['maybe', 'skipped', [], 0],
      ['third', 'known-after', ['second'], 0],
    ]);
  });

  it('feeds the outputs of what is there to the steps that read them', async () => {
    const bench = new Bench();
    bench.made.add('a');
    const { steps } = await planRun(bench.request(CHAIN), bench.planTools());
    expect(steps[0]).toMatchObject({ id: 'first', state: 'present', changes: [] });
    expect(steps[1]).toMatchObject({ id: 'second', state: 'absent', changes: [{ verb: 'create', subject: 'b', note: 'from a.kubeconfig' }] });
  });

  it('writes nothing: no step is executed and no run begins', async () => {
    const bench = new Bench();
    await planRun(bench.request(CHAIN), bench.planTools());
    expect(bench.executed).toEqual([]);
    expect(await bench.store.list('')).toEqual([]);
  });

  it('goes on after a step that refuses, and keeps its error', async () => {
    const bench = new Bench();
    bench.faults.set('observe a', new DrError({ code: 'KUBE_UNAUTHORIZED', message: 'the server does not know us' }));
    const { steps } = await planRun(bench.request(CHAIN), bench.planTools());
    expect(steps[0]).toMatchObject({ state: 'failed', reason: 'the server does not know us' });
    expect(steps[0]?.error?.code).toBe('KUBE_UNAUTHORIZED');
    expect(steps[1]?.state).toBe('known-after');
  });

  it('is shown with every change, gate and open question', async () => {
    const bench = new Bench();
    bench.made.add('a');
    expect(
      planView(await planRun(bench.request(CHAIN), bench.planTools())),
    ).toBe(`dry run of 'small' for cluster east (recovery, commit ${'1'.padStart(40, '0')}); nothing was written

first: done already
second: would
    + create b (from a.kubeconfig)
maybe: skipped: its condition is false: has(plan.fence)
third: known after second
    needs an approval

1 changes planned (0 deletes) in 1 steps; 1 done already, 1 known later, 1 skipped, 0 refused
`);
  });
});
