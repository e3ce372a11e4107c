import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isDrError } from '../../../src/errors/dr-error.ts';
import { renderFault } from '../../../src/runbook/faults.ts';
import { loadRecoveryPlan } from '../../../src/runbook/load-plan.ts';
import { loadRunbook, type RunbookContext, validateRunbook } from '../../../src/runbook/validate.ts';
import { SMALL } from './catalogue.ts';
import { expectMarked } from './marked-faults.ts';

const HEAD = 'apiVersion: dr.lattice.dev/v1alpha1\nkind: Runbook\nmetadata: { name: t }\nspec:\n  description: d\n';
const fixture = (path: string) => ({ file: path, text: readFileSync(new URL(`../../fixtures/${path}`, import.meta.url), 'utf8') });
const PLAN = loadRecoveryPlan(fixture('plans/us-east.yaml'));

/** Steps of a runbook, one per line or block; each case marks its faults. */
const CASES: Readonly<Record<string, readonly string[]>> = {
  'unknown step kind': [
    '- { id: a, uses: test/plane } #! unknown step kind "test/plane" (did you mean "test/plain"?)',
    '- { id: a, uses: plain } #! unknown step kind "plain"',
    '- { id: a, uses: Test/Make, with: { nam: 1 } } #! did you mean "test/make"?',
    '- { id: a, uses: nothing/of/the/sort } #! unknown step kind',
    '- { id: a, uses: "" } #! unknown step kind "" && must not be empty',
  ],
  'unknown input of a step': [
    '- { id: a, uses: test/make, with: { name: x, sise: 2 } } #! unknown key "sise" (did you mean "size"?)',
    '- { id: a, uses: test/make, with: { nmae: x } } #! unknown key "nmae" (did you mean "name"?)',
    '- { id: a, uses: test/loose, with: { name: x, nam: y } } #! unknown key "nam" (did you mean "name"?)',
    '- { id: a, uses: test/plain, with: { zzz: 1 } } #! unknown key "zzz"',
    '- { id: a, uses: test/make, with: { name: x, other: "${{ plan.specs }}" } } #! unknown key "other"',
  ],
  'unknown key of a step': [
    '- { id: a, usses: test/plain } #! unknown key "usses" (did you mean "uses"?)',
    '- { id: a, uses: test/plain, need: [] } #! unknown key "need" (did you mean "needs"?)',
    '- { id: a, uses: test/plain, when: x } #! unknown key "when"',
    '- { id: a, uses: test/plain, gate: { reason: r, aprove: 1 } } #! unknown key "aprove" (did you mean "approve"?) && must have exactly one of confirm, approve and attest',
  ],
  'missing need': [
    '- { id: a, uses: test/plain, needs: [bb] } #! there is no step "bb"',
    '- { id: fence, uses: test/plain }\n    - { id: b, uses: test/plain, needs: [fense] } #! there is no step "fense" (did you mean "fence"?)',
    '- { id: a, uses: test/plain, needs: [x-one, x-two] } #! "x-one" && "x-two"',
    '- { id: abc, uses: test/plain }\n    - { id: b, uses: test/plain, needs: [abc, Abc] } #! must be 1 to 63 lower-case && there is no step "Abc" (did you mean "abc"?)',
  ],
  cycle: [
    '- { id: a, uses: test/plain, needs: [a] } #! circle: a -> a',
    '- { id: a, uses: test/plain, needs: [b] } #! circle: a -> b -> a\n    - { id: b, uses: test/plain, needs: [a] }',
    '- { id: o, uses: test/plain }\n    - { id: a, uses: test/plain, needs: [o, c] } #! circle: a -> c -> b -> a\n    - { id: b, uses: test/plain, needs: [a] }\n    - { id: c, uses: test/plain, needs: [b] }',
    '- { id: a, uses: test/plain, needs: [b] } #! circle: a -> b -> a\n    - { id: b, uses: test/plain, needs: [a] }\n    - { id: c, uses: test/plain, needs: [d] } #! circle: c -> d -> c\n    - { id: d, uses: test/plain, needs: [c] }',
    '- { id: a, uses: test/plain, needs: [b, c] } #! circle: a -> b -> a\n    - { id: b, uses: test/plain, needs: [a] }\n    - { id: c, uses: test/plain, needs: [a] }',
  ],
  'wrong type': [
    '- { id: a, uses: test/make, with: { name: 5 } } #! spec.steps[0].with.name: must be text, is 5',
    '- { id: a, uses: test/make, with: { name: x, size: big } } #! must be a number, is "big"',
    '- { id: a, uses: test/make, with: { name: x, size: 0.5 } } #! must be a whole number, is 0.5',
    '- { id: a, uses: test/make, with: { name: x, tags: [a, 1] } } #! spec.steps[0].with.tags[1]: must be text, is 1',
    '- { id: a, uses: test/make, with: { name: x, limit: 5 parsecs } } #! "5 parsecs" is not a duration',
    '- { id: a, uses: test/make, with: { name: "${{ plan.specs.git.ref }}", limit: 5 parsecs } } #! "5 parsecs" is not a duration',
    '- { id: a, uses: test/make, with: [1] } #! spec.steps[0].with: must be a map, is a list && required key is missing',
    '- { id: a, uses: test/plain, needs: b } #! must be a list, is "b"',
    '- { id: a, uses: test/plain, always: 1 } #! must be true or false, is 1',
    '- { id: a, uses: test/plain, timeout: 90 } #! must be text, is 90',
    '- { id: a, uses: test/plain, retry: { attempts: 21 } } #! must be 1 to 20',
    '- { id: A_b, uses: test/plain } #! must be 1 to 63 lower-case letters',
    '- { id: a, uses: test/make, with: { name: "${{ size(plan.specs.git.ref) }}" } } #! gives number, and test/make takes string here',
    '- { id: a, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/make, needs: [a], with: { name: "${{ steps.a.outputs.nested.deep }}" } } #! gives boolean, and test/make takes string here',
    '- { id: a, uses: test/same, with: { one: x, other: y } } #! must be the same',
    '- { id: a, uses: test/crossed, with: { low: 2, high: 1 } } #! low must not be above high',
    '- { id: a, uses: test/crossed, with: { low: 2, high: "${{ steps.a.outputs.x }}", limit: 9 } } #! reads the outputs of its own step && must be text, is 9',
  ],
  'outputs reference': [
    '- { id: a, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/make, with: { name: "${{ steps.a.outputs.address }}" } } #! step "a" is not an ancestor of "b"',
    '- { id: make-it, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/make, needs: [make-it], with: { name: "${{ steps.make-it.outputs.adress }}" } } #! has no "adress" (did you mean "address"?)',
    '- { id: make-it, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/make, needs: [make-it], with: { name: "${{ steps.mak-it.outputs.address }}" } } #! there is no step "mak-it" (did you mean "make-it"?)',
    '- { id: a, uses: test/make, with: { name: "${{ steps.a.outputs.address }}" } } #! reads the outputs of its own step',
    '- { id: a, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/make, needs: [a], with: { name: "${{ steps.a.address }}" } } #! steps.a has no "address" (write steps.a.outputs.address)',
    '- { id: a, uses: test/make, with: { name: x }, if: plan.specs.profile == "lattice" }\n    - { id: b, uses: test/make, needs: [a], with: { name: "${{ steps.a.outputs.address }}" } } #! step "a" has an if, so its outputs may be absent',
    '- { id: a, uses: test/make, with: { name: x }, runIn: [drill] }\n    - { id: b, uses: test/make, needs: [a], with: { name: "${{ steps.a.outputs.address }}" } } #! runs only in drill',
    '- { id: a, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/make, needs: [a], always: true, with: { name: "${{ steps.a.outputs.address }}" } } #! may have failed',
    '- { id: a, uses: test/make, forEach: "plan.controlPlane.nodes", with: { name: x } }\n    - { id: b, uses: test/make, needs: [a], with: { name: "${{ steps.a.outputs.address }}" } } #! is a forEach, whose items have the outputs',
    '- { id: a, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/make, needs: [a], with: { name: "${{ steps[\'a[x]\'].outputs.address }}" } } #! step "a" has no items',
    '- { id: a, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/make, needs: [a], with: { name: "${{ steps[plan.cluster.name].outputs.address }}" } } #! reads steps as a whole',
  ],
  'plan path': [
    '- { id: a, uses: test/make, with: { name: "${{ plan.specs.git.reff }}" } } #! plan.specs.git has no "reff" (did you mean "ref"?)',
    '- { id: a, uses: test/make, with: { name: "${{ plan.spec.git.ref }}" } } #! plan has no "spec" (did you mean "specs"?)',
    '- { id: a, uses: test/plain, if: has(plan.dns.recods) } #! plan.dns has no "recods" (did you mean "records"?)',
    '- { id: a, uses: test/make, with: { name: "${{ plan.health[0].expect.state }}" } } #! plan.health[0].expect has no "state" (did you mean "status"?)',
    '- { id: a, uses: test/make, with: { name: "${{ plan.cluster.name.first }}" } } #! plan.cluster.name has no "first"',
  ],
  'other variables': [
    '- { id: a, uses: test/make, with: { name: "${{ inputs.who }}" } } #! the runbook declares no input "who"',
    '- { id: a, uses: test/make, with: { name: "${{ item.name }}" } } #! reads item, but the step has no forEach',
    '- { id: a, uses: test/make, with: { name: "${{ env.HOME }}" } } #! unknown variable "env"',
    '- { id: a, uses: test/make, with: { name: "${{ pln.cluster.name }}" } } #! unknown variable "pln" (did you mean "plan"?)',
  ],
  CEL: [
    '- { id: a, uses: test/make, with: { name: "${{ plan. }}" } } #! is no CEL',
    '- { id: a, uses: test/make, with: { name: "${{ plan.cluster.name" } } #! opens ${{ and does not close it',
    '- { id: a, uses: test/make, with: { name: "${{ }}" } } #! is empty',
    '- { id: a, uses: test/plain, if: plan.cluster.name + 1 == 2 } #! has wrong types: no such overload: string + int',
    '- { id: a, uses: test/plain, if: plan.cluster.name } #! gives string, must give true or false',
    '- { id: a, uses: test/plain, if: plan.cluster } #! gives a map, must give true or false',
    '- { id: a, uses: test/make, with: { name: "${{ plan.cluster.name.upper() }}" } } #! has wrong types',
    '- { id: a, uses: test/make, with: { name: "${{ nothing(1) }}" } } #! has wrong types',
    '- { id: a, uses: test/make, with: { name: { $expr: x } } } #! is reserved',
  ],
  'repeated id': [
    '- { id: a, uses: test/plain }\n    - { id: a, uses: test/plain } #! step id "a" is taken by the step in line 7',
    '- { id: a, uses: test/plain }\n    - { id: b, uses: test/plain }\n    - { id: a, uses: test/plain } #! line 7\n    - { id: b, uses: test/plain } #! line 8',
    '- { id: a, uses: test/plain }\n    - { id: a, uses: test/plain } #! line 7\n    - { id: a, uses: test/plain } #! line 7',
    '- { id: a, uses: test/make } #! required key is missing\n    - { id: a, uses: test/plain } #! line 7',
  ],
  'gate that cannot be met': [
    '- { id: a, uses: test/plain, gate: { reason: r, approve: 11 } } #! must be at most 10',
    '- { id: a, uses: test/plain, gate: { reason: r, approve: 0 } } #! must be at least 1',
    '- { id: a, uses: test/plain, gate: { reason: r, attest: "" } } #! must not be empty',
    '- { id: a, uses: test/plain, gate: { reason: r } } #! it has none',
    '- { id: a, uses: test/plain, gate: { reason: r, approve: 1, attest: it is off } } #! it has approve and attest',
    '- { id: a, uses: test/plain, gate: { reason: r, confirm: clustr } } #! "clustr" is not cluster (did you mean "cluster"?)',
    '- { id: a, uses: test/plain, gate: { approve: 1 } } #! reason: required key is missing',
  ],
  guard: [
    '- { id: a, uses: test/watch, guard: { protects: [bb] } } #! there is no step "bb"',
    '- { id: a, uses: test/watch, guard: { protects: [a] } } #! cannot protect itself',
    '- { id: a, uses: test/watch, guard: { protects: [] } } #! must name at least one step',
    '- { id: b, uses: test/plain }\n    - { id: a, uses: test/destroy, guard: { protects: [b] } } #! test/destroy is destructive, and a guard must be read-only',
    '- { id: b, uses: test/plain }\n    - { id: a, uses: test/watch, needs: [b], guard: { protects: [b] } } #! so it cannot run beside it',
    '- { id: b, uses: test/plain, needs: [a] }\n    - { id: a, uses: test/watch, guard: { protects: [b] } } #! would end before what it protects begins',
  ],
  forEach: [
    '- { id: a, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/plain, needs: [a], forEach: "${{ steps.a.outputs.nested }}" } #! reads steps, but forEach is expanded before the run',
    '- { id: a, uses: test/plain, forEach: item.x } #! reads item, but forEach is expanded before the run',
    '- { id: a, uses: test/plain, forEach: plan.cluster.name } #! gives string, must give a list',
    '- { id: a, uses: test/plain, maxParallel: 2 } #! has no meaning without forEach',
    '- { id: a, uses: test/plain, forEach: plan.health, maxParallel: 0 } #! must be at least 1',
    '- { id: a, uses: test/grouped, forEach: plan.health, maxParallel: 1 } #! a lower limit for this step alone is not possible (remove maxParallel)',
    '- { id: a, uses: test/plain, forEach: [1, 2] } #! must be text, is a list',
  ],
  mode: [
    '- { id: a, uses: test/plain, runIn: [] } #! must name at least one mode',
    '- { id: a, uses: test/plain, runIn: [recover] } #! "recover" is not one of recovery, drill (did you mean "recovery"?)',
    '- { id: a, uses: test/plain, runIn: drill } #! must be a list, is "drill"',
    '- { id: a, uses: test/plain, runIn: [drill, 3] } #! 3 is not one of',
  ],
};

/** The same with a plan, whose values decide. */
const PLAN_CASES: Readonly<Record<string, readonly string[]>> = {
  'value of the plan': [
    '- { id: a, uses: test/make, with: { name: "${{ plan.specs }}" } } #! must be text, is a map, from ${{ plan.specs }}',
    '- { id: a, uses: test/make, with: { name: "${{ plan.externals }}" } } #! plan.externals does not exist; test it with has()',
    '- { id: a, uses: test/make, with: { name: "${{ plan.?cluster.?existing }}" } } #! required key is missing',
    '- { id: a, uses: test/make, with: { name: "x ${{ plan.specs }}" } } #! gives no text, number or boolean',
    '- { id: a, uses: test/make, with: { name: x, tags: "${{ plan.health.map(h, h.expect.status) }}" } } #! tags[0]: must be text, is 200',
    '- { id: a, uses: test/plain, if: plan.externals.size() > 0 } #! plan.externals does not exist',
    '- { id: a, uses: test/make, forEach: plan.controlPlane.nodes, with: { name: "${{ item.role }}" } } #! item.role does not exist',
    '- { id: a, uses: test/plain, forEach: "plan.health.map(h, \\"a b\\")" } #! item 0 is named "a b"',
    '- { id: a, uses: test/plain, forEach: "[1, 1]" } #! item 1 is named "1", which another item is too',
    '- { id: a, uses: test/make, forEach: plan.controlPlane.nodes, with: { name: x } }\n    - { id: b, uses: test/make, needs: [a], with: { name: "${{ steps[\'a[cp-2]\'].outputs.address }}" } } #! step "a" has no item "cp-2" (did you mean "cp-1"?)',
    '- { id: a, uses: test/plain, forEach: "plan.dns.records[0].to" } #! plan.dns.records[0].to does not exist',
    '- { id: a, uses: test/crossed, with: { low: 2, high: "${{ size(plan.health) }}" } } #! low must not be above high',
  ],
};

/** What looks like a fault and is none. */
const VALID: readonly string[] = [
  '- { id: a, uses: test/make, with: { name: x }, if: has(plan.dns) }\n    - { id: b, uses: test/make, needs: [a], if: has(plan.dns), with: { name: "${{ steps.a.outputs.address }}" } }',
  '- { id: a-b, uses: test/make, with: { name: x }, if: has(plan.dns) }\n    - { id: b, uses: test/make, needs: [a-b], if: has(steps.a-b.outputs.address), with: { name: "${{ steps.a-b.outputs.address }}" } }',
  '- { id: a, uses: test/make, with: { name: x }, runIn: [drill] }\n    - { id: b, uses: test/make, needs: [a], with: { name: "${{ has(steps.a.outputs) ? steps.a.outputs.address : plan.cluster.name }}" } }',
  '- { id: a, uses: test/make, with: { name: x }, runIn: [drill] }\n    - { id: b, uses: test/make, needs: [a], runIn: [drill], with: { name: "${{ steps.a.outputs.address }}" } }',
  '- { id: a, uses: test/make, with: { name: x }, runIn: [drill] }\n    - { id: b, uses: test/make, needs: [a], with: { name: "${{ steps.?a.?outputs.?address.orValue(\'x\') }}" } }',
  '- { id: a, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/plain, needs: [a] }\n    - { id: c, uses: test/make, needs: [b], with: { name: "${{ steps.a.outputs.address }}", size: "${{ steps.a.outputs.count }}" } }',
  '- { id: a, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/crossed, needs: [a], with: { low: 2, high: "${{ steps.a.outputs.count }}" } }',
  '- { id: a, uses: test/make, with: { name: x } }\n    - { id: b, uses: test/same, needs: [a], with: { one: x, other: "${{ steps.a.outputs.address }}" } }',
  '- { id: a, uses: test/crossed, with: { low: "${{ size(plan.specs.git.paths) }}", high: 2 } }',
  '- { id: a, uses: test/plain, if: size(plan.cluster) > 1 && "name" in plan.cluster }',
  '- { id: a, uses: test/make, with: { name: "at ${{ plan.specs.git.ref }} of ${{ plan.cluster.name }}", limit: 90s, tags: "${{ plan.health.map(h, h.name) }}" } }',
  '- { id: a, uses: test/plain }\n    - { id: b, uses: test/watch, guard: { protects: [c] }, needs: [a] }\n    - { id: c, uses: test/destroy, needs: [a] }',
  '- { id: b, uses: test/plain, needs: [a], always: true }\n    - { id: a, uses: test/plain, gate: { attest: it is off, reason: r } }',
];

function check(steps: string, context: RunbookContext = {}): void {
  const source = { file: 't.yaml', text: `${HEAD}  steps:\n    ${steps}\n` };
  expectMarked(source, validateRunbook(source, SMALL, context).faults);
}

describe('faults of a runbook', () => {
  for (const [name, cases] of Object.entries(CASES)) it.each(cases)(`${name}: %s`, (steps) => check(steps));
  for (const [name, cases] of Object.entries(PLAN_CASES)) it.each(cases)(`${name}: %s`, (steps) => check(steps, { plan: PLAN, inputs: {} }));

  it.each(VALID)('are not: %s', (steps) => {
    const source = { file: 't.yaml', text: `${HEAD}  steps:\n    ${steps}\n` };
    expect(validateRunbook(source, SMALL).faults.map(renderFault)).toEqual([]);
    expect(validateRunbook(source, SMALL, { plan: PLAN, inputs: {} }).faults.map(renderFault)).toEqual([]);
  });

  it('are at least four for each class', () => {
    for (const [name, cases] of Object.entries(CASES)) expect(cases.length, name).toBeGreaterThanOrEqual(4);
  });

  it.each(['five-faults.yaml', 'wrong-shape.yaml', 'inputs.yaml'])('are all located in %s', (name) => {
    const source = fixture(`runbooks/${name}`);
    expectMarked(source, validateRunbook(source, SMALL).faults);
  });

  it('come as one INPUT_INVALID with all of them as data', () => {
    const source = fixture('runbooks/five-faults.yaml');
    const { faults } = validateRunbook(source, SMALL);
    const error = thrownBy(() => loadRunbook(source, SMALL));
    expect(isDrError(error, 'INPUT_INVALID') && error.details).toEqual({ faults: faults.map((fault) => ({ ...fault })) });
    expect(String(error)).toContain('5 faults found, nothing was touched');
  });
});

describe('inputs given for a run', () => {
  const text = `${HEAD}  inputs:\n    who: { type: string, description: w }\n    many: { type: number, description: m, default: 1 }\n    maybe: { type: list, description: l, optional: true }\n  steps: [{ id: a, uses: test/make, with: { name: "\${{ inputs.who }}", size: "\${{ inputs.many }}" } }]\n`;
  const faultsOf = (inputs: RunbookContext['inputs']) =>
    validateRunbook({ file: 't.yaml', text }, SMALL, { plan: PLAN, ...(inputs === undefined ? {} : { inputs }) }).faults.map(
      (fault) => `${fault.line} ${fault.message}`,
    );

  it.each([
    ['none is missed before a run', undefined, []],
    ['text is read as the declared type', { who: '7', many: '3', maybe: '[1]' }, []],
    ['one without a default must be given', {}, ['7 no value was given for the input who, which has no default']],
    ['a wrong type is refused', { who: 'x', many: 'lots' }, ['8 the value given, "lots", is no number']],
    ['an unknown one is refused', { who: 'x', mny: '1' }, ['6 a value was given for "mny", which is no input of this runbook']],
    ['values reach the checks of steps', { who: 'x', many: '0' }, ['10 0 too small: expected number to be >=1, from ${{ inputs.many }}']],
  ])('%s', (_, inputs, expected) => {
    expect(faultsOf(inputs)).toEqual(expected);
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
