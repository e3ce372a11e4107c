import { describe, expect, it } from 'vitest';
import { clusterOf, loadPlan, prepareRun } from '../../../src/operations/prepare-run.ts';
import { validate } from '../../../src/operations/validate.ts';
import { Bench, planFile, rejection, runbookFile } from './harness.ts';

const STEP = `    - { id: make, uses: test/make, with: { name: "\${{ inputs.commit }}" } }\n`;
const signal = new AbortController().signal;

describe('prepareRun', () => {
  it('asks git for the commit of the ref once and fixes it as an input', async () => {
    const bench = new Bench();
    const commit = bench.git.commit({ 'b.yaml': '' });
    const { graph, cluster, sources } = await prepareRun(bench.request(STEP), { catalogue: bench.catalogue, git: bench.git, signal });
    expect(graph.inputs).toEqual({ commit });
    expect(cluster).toBe('east');
    expect(sources).toMatchObject({ plan: '/plans/east.yaml', runbook: '/books/small.yaml' });
  });

  it('takes a given commit without asking git', async () => {
    const bench = new Bench();
    const request = { ...bench.request(STEP), inputs: { commit: 'abc' } };
    const { graph } = await prepareRun(request, { catalogue: bench.catalogue, git: bench.git, signal });
    expect(graph.inputs).toEqual({ commit: 'abc' });
  });

  it('makes the paths of the plan absolute in the graph', async () => {
    const bench = new Bench();
    const { graph } = await prepareRun(bench.request(STEP), { catalogue: bench.catalogue, git: bench.git, signal });
    expect(graph.plan).toMatchObject({
      cluster: { existing: { kubeconfig: { file: '/plans/east.kubeconfig' } } },
      specs: { git: { repository: '/plans/specs' } },
    });
  });

  it('lists the faults of plan and runbook together, before git is asked', async () => {
    const bench = new Bench();
    const plan = planFile('  objectifs: {}\n');
    const runbook = runbookFile(`    - { id: make, uses: test/mkae, needs: [gone] }\n`);
    const error = await rejection(prepareRun({ plan, runbook, inputs: {}, mode: 'recovery' }, { catalogue: bench.catalogue, git: bench.git, signal }));
    expect(error.code).toBe('INPUT_INVALID');
    const faults = error.details['faults'] as readonly { readonly file: string; readonly path: string }[];
    expect(faults.map(({ file, path }) => `${file} ${path}`)).toEqual([
      '/plans/east.yaml spec.objectifs',
      '/books/small.yaml spec.steps[0].uses',
      '/books/small.yaml spec.steps[0].needs[0]',
    ]);
  });

  it('says what git says when the ref does not exist', async () => {
    const bench = new Bench();
    const plan = { ...planFile(), text: planFile().text.replace('ref: main', 'ref: mian') };
    const error = await rejection(prepareRun({ ...bench.request(STEP), plan }, { catalogue: bench.catalogue, git: bench.git, signal }));
    expect(error.code).toBe('GIT_FAILED');
  });
});

describe('validate', () => {
  it('says what it has checked', () => {
    const bench = new Bench();
    expect(validate(bench.request(STEP), bench.catalogue)).toMatchObject({
      valid: true,
      plan: { name: 'east-plan', cluster: 'east' },
      runbook: { name: 'small', steps: 1 },
    });
  });
});

describe('loadPlan', () => {
  it('gives the cluster of a plan', () => {
    expect(clusterOf(loadPlan(planFile()))).toBe('east');
  });
});
