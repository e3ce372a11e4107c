import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadPlan } from '../../../src/operations/prepare-run.ts';
import { type ValidSpecs, validateSpecs } from '../../../src/operations/validate-specs.ts';
import { StepBench } from '../steps/step-harness.ts';

const FIXTURES = new URL('../../fixtures/backup-setup/', import.meta.url);
const PLAN = `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: workload }
spec:
  cluster: { name: workload, provisioner: existing, existing: { kubeconfig: { file: live.yaml } } }
  specs: { git: { repository: specs.git, ref: main } }
  objectives: { rto: 40m, rpo: 1h }
`;

async function valid(files: Readonly<Record<string, string>>): Promise<ValidSpecs> {
  const bench = new StepBench({ files });
  const plan = loadPlan({ file: '/plan.yaml', folder: '/', text: PLAN });
  return await validateSpecs(plan, { ports: bench.ports, clock: bench.clock, tool: '1.0.0', signal: new AbortController().signal });
}

const documented = (name: string): string => readFileSync(new URL(name, FIXTURES), 'utf8');

describe('validation of specs', () => {
  it('accepts stores and schedules that fit each other, the older schema too', async () => {
    const files = Object.fromEntries(['s3-store.yaml', 'minio-store.yaml', 'scheduled-backup.yaml'].map((name) => [name, documented(name)]));
    expect(await valid(files)).toEqual({ commit: '1'.padStart(40, '0'), objects: 3, converted: 1 });
  });

  it('lists every fault with its place', async () => {
    const twice = documented('s3-store.yaml').replace('name: offsite', 'name: second');
    const files = {
      'a.yaml': documented('s3-store.yaml'),
      'b.yaml': twice,
      'c.yaml': documented('scheduled-backup.yaml').replace('storeRef: offsite', 'storeRef: gone'),
    };
    await expect(valid(files)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      kind: 'invalid',
      details: {
        faults: [expect.stringMatching(/^b\.yaml:1: .*spec\.default is true here and on offsite/), expect.stringMatching(/^c\.yaml:1: .*store 'gone'/)],
      },
    });
  });
});
