import { describe, expect, it } from 'vitest';
import { approvalRulesOf } from '../../../src/model/plan/people.ts';
import { loadRecoveryPlan } from '../../../src/runbook/load-plan.ts';
import { validateRunbook } from '../../../src/runbook/validate.ts';
import { SMALL } from './catalogue.ts';

const plan = (extra: string) =>
  loadRecoveryPlan({
    file: 'plan.yaml',
    text: `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: p }
spec:
  cluster: { name: east, provisioner: existing, existing: { kubeconfig: { file: ./k } } }
  specs: { git: { repository: ./specs, ref: main }, profile: kubernetes }
  objectives: { rto: 10m, rpo: 1h }
${extra}`,
  });

const runbook = (approve: number) => ({
  file: 'book.yaml',
  text: `apiVersion: dr.lattice.dev/v1alpha1
kind: Runbook
metadata: { name: t }
spec:
  description: d
  steps:
    - { id: a, uses: test/plain, gate: { reason: r, approve: ${approve} } }
`,
});

describe('a gate for several persons', () => {
  it.each([
    ['more than the plan has approvers', '  approvers: [ann, ben]\n', 3, ['3 persons cannot approve: spec.approvers of the plan names 2 persons (ann, ben)']],
    ['more than there are different approvers', '  approvers: [ann, ann]\n', 2, ['2 persons cannot approve: spec.approvers of the plan names 1 person (ann)']],
    ['as many as the plan has approvers', '  approvers: [ann, ben]\n', 2, []],
    ['where anybody may approve', '', 4, []],
  ])('%s', (...[, extra, approve, messages]) => {
    const { faults } = validateRunbook(runbook(approve), SMALL, { plan: plan(extra) });
    expect(faults.map(({ message }) => message)).toEqual(messages);
    for (const fault of faults) expect(fault).toMatchObject({ path: expect.stringContaining('gate.approve'), line: 7 });
  });

  it('is not judged without a plan', () => {
    expect(validateRunbook(runbook(4), SMALL).faults).toEqual([]);
  });
});

describe('the rules about persons in a plan', () => {
  it('are none by default, and require no signature unless the plan says so', () => {
    expect(approvalRulesOf(plan('').values)).toEqual({ required: false });
    const some = '  approvers: [ann]\n  approvals: { allowedSigners: { file: ./signers } }\n';
    expect(approvalRulesOf(plan(some).values)).toEqual({ approvers: ['ann'], allowedSigners: './signers', required: false });
    const all = '  approvals: { allowedSigners: { file: ./signers }, required: true }\n';
    expect(approvalRulesOf(plan(all).values)).toEqual({ allowedSigners: './signers', required: true });
  });

  it('cannot require signatures without saying whose', () => {
    expect(() => plan('  approvals: { required: true }\n')).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  });
});
