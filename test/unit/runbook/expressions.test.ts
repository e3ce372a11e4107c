import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExpressionScope } from '../../../src/engine/expression.ts';
import { isDrError } from '../../../src/errors/dr-error.ts';
import { parseDuration } from '../../../src/model/duration.ts';
import { durationText } from '../../../src/model/plan/fields.ts';
import { decodeStepId, encodeStepId } from '../../../src/runbook/cel-source.ts';
import { createExpressionEvaluator, toTemplate } from '../../../src/runbook/expressions.ts';

const SCOPE: ExpressionScope = {
  plan: {
    name: 'c',
    count: 3,
    ratio: 1.5,
    none: null,
    list: [
      { name: 'a', n: 1 },
      { name: 'b', n: 2 },
    ],
    steps: { a: 1 },
    deep: { er: { est: true } },
  },
  inputs: { who: 'ana', some_list: [1, 2] },
  steps: { 'verify-health': { outputs: { ok: true, count: 2, text: 'x' } }, 'fence[cp-1]': { outputs: { off: true } } },
  item: { name: 'cp-1' },
  step: 'cutover',
};
const evaluator = createExpressionEvaluator();
const resolve = (value: Parameters<typeof toTemplate>[0]) => evaluator.resolve(toTemplate(value), SCOPE);

describe('values', () => {
  it.each([
    ['${{ plan.count }}', 3],
    ['  ${{ plan.count }}\n', 3],
    [
      '${{ plan.list }}',
      [
        { name: 'a', n: 1 },
        { name: 'b', n: 2 },
      ],
    ],
    ['${{ plan.none }}', null],
    ['${{ plan.count + 1 }}', 4],
    ['${{ plan.ratio * 2.0 }}', 3],
    ['${{ 7 / 2 }}', 3],
    ['${{ plan.deep.er.est }}', true],
    ['count ${{ plan.count }}, ratio ${{plan.ratio}}, ${{ plan.deep.er.est }}', 'count 3, ratio 1.5, true'],
    ['${{ plan.name }}${{ inputs.who }}', 'cana'],
    ['${{ plan.list.map(x, x.name) }}', ['a', 'b']],
    ['${{ plan.list.filter(x, x.n > 1)[0].name }}', 'b'],
    ['${{ {"a": {"b": plan.count}} }}', { a: { b: 3 } }],
    ['${{ "}}" + \'}}\' }}', '}}}}'],
    ['${{ item.name }}', 'cp-1'],
    ['no expression, { } or $', 'no expression, { } or $'],
    ['${{ "${{" }}', '${{'],
  ])('%s', (template, value) => {
    expect(resolve(template)).toEqual(value);
  });

  it.each([
    ['${{ steps.verify-health.outputs.count - 1 }}', 1],
    ['${{ steps.verify-health.outputs.count-1 }}', 1],
    ['${{ steps["verify-health"].outputs.ok }}', true],
    ["${{ steps['fence[cp-1]'].outputs.off }}", true],
    ['${{ "steps.verify-health" }}', 'steps.verify-health'],
    ['${{ plan.steps.a - 1 }}', 0],
    ['${{ has(steps.verify-health.outputs.ok) }}', true],
    ['${{ has(steps.verify-health.outputs.no) }}', false],
    ['${{ has(steps.gone.outputs.ok) }}', false],
    ['${{ has(steps["go-ne"].outputs) }}', false],
    ['${{ has(plan.x.y.z) ? plan.x.y.z : "d" }}', 'd'],
    ['${{ !has(plan.deep.er) }}', false],
    ['${{ [has(plan.deep.er.est), has(plan.a.b)] }}', [true, false]],
    ['${{ steps.?gone.?outputs.?ok.orValue(7) }}', 7],
    ['${{ plan.?deep.?er.?est.orValue(false) }}', true],
  ])('of steps and absent parts: %s', (template, value) => {
    expect(resolve(template)).toEqual(value);
  });

  it('are found in maps and lists; an absent optional leaves its key out', () => {
    expect(resolve({ a: ['${{ plan.count }}', { b: 'x${{ plan.count }}' }], c: '${{ plan.?gone }}', d: '${{ plan.?name }}' })).toEqual({
      a: [3, { b: 'x3' }],
      d: 'c',
    });
  });

  it('are what went in, for any JSON', () => {
    const evaluated = createExpressionEvaluator();
    const number = fc.oneof(
      fc.maxSafeInteger(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
    );
    const leaf = fc.oneof(fc.string(), fc.boolean(), fc.constant(null), number);
    const json = fc.letrec((tie) => ({ value: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie('value')), fc.dictionary(fc.string(), tie('value'))) })).value;
    fc.assert(
      fc.property(json, (value) => {
        expect(evaluated.resolve({ $expr: '${{ plan.value }}' }, { ...SCOPE, plan: { value: value as never } })).toEqual(value);
      }),
    );
  });
});

describe('faults', () => {
  it.each([
    ['${{ plan.gone.x }}', 'step cutover: ${{ plan.gone.x }}: plan.gone does not exist; test it with has() or select it with .?'],
    ['${{ steps.gone.outputs.x }}', 'step gone has no such output here: it was skipped, or has not succeeded; test it with has()'],
    ['${{ plan.none.x }}', 'plan.none.x does not exist'],
    ['${{ plan.list[9].name }}', 'index out of bounds'],
    ['${{ plan.name + 1 }}', 'no such overload'],
    ['${{ 1 / 0 }}', 'zero'],
    ['a ${{ plan.list }}', '${{ plan.list }} gives no text, number or boolean, so it cannot stand within text'],
    ['a ${{ plan.?gone }}', 'cannot stand within text'],
    ['${{ plan.?gone }}', 'an optional expression without a value stands where one is needed'],
    ['${{ plan.name', 'opens ${{ and does not close it'],
    ['${{ duration("1h") }}', 'JSON cannot hold; turn it into text with string()'],
    ['${{ 9007199254740992 }}', 'which JSON cannot hold exactly'],
    ['${{ }}', 'is empty'],
    ['${{ ( }}', 'unexpected token'],
    ['${{ plan.list.map(steps, steps.n) }}', 'a macro variable may not be named steps'],
    ['${{ cel.bind(plan, 1, plan) }}', 'a macro variable may not be named plan'],
  ])('%s', (template, message) => {
    try {
      resolve(template);
      expect.unreachable();
    } catch (error) {
      expect(isDrError(error, 'INPUT_INVALID') && error.message).toContain(message);
    }
  });

  it('of a list name an absent optional', () => {
    expect(() => resolve(['${{ plan.?gone }}'])).toThrow('stands in a list');
  });

  it('are INPUT_INVALID for any source', () => {
    const piece = fc.constantFrom(
      'plan',
      'steps',
      '.a-b',
      '.outputs',
      '[',
      ']',
      '(',
      ')',
      '"',
      "'",
      '{',
      '}',
      ' + ',
      ' - ',
      '?',
      ':',
      '1',
      'has(',
      '.?',
      'r"',
      '\\',
      ' in ',
      '.map(x, x)',
      '"""',
      'b"',
      '.size()',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          evaluator.resolve({ $expr: `\${{ ${pieces.join('')} }}` }, SCOPE);
        } catch (error) {
          expect(isDrError(error, 'INPUT_INVALID'), String(error)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('conditions', () => {
  it('are true or false', () => {
    expect(evaluator.condition('plan.count > 2 && steps.verify-health.outputs.ok', SCOPE)).toBe(true);
    expect(evaluator.condition('plan.count > 3', SCOPE)).toBe(false);
  });

  it('are nothing else', () => {
    expect(() => evaluator.condition('plan.count', SCOPE)).toThrow('does not give true or false');
    expect(() => evaluator.condition('plan.gone', SCOPE)).toThrow('step cutover');
  });
});

describe('encodings', () => {
  it('of step ids are identifiers and come back', () => {
    fc.assert(
      fc.property(fc.string(), (id) => {
        expect(encodeStepId(id)).toMatch(/^[A-Za-z0-9_]+$/);
        expect(decodeStepId(encodeStepId(id))).toBe(id);
      }),
    );
  });

  it('of durations come back', () => {
    fc.assert(
      fc.property(fc.nat({ max: 400 * 86_400_000 }), (ms) => {
        expect(parseDuration(durationText(ms))).toBe(ms);
      }),
    );
  });
});
