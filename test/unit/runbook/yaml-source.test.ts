import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderFault } from '../../../src/runbook/faults.ts';
import { parseYamlSource } from '../../../src/runbook/yaml-source.ts';

const faultsOf = (text: string) => parseYamlSource({ file: 'f', text }).faults.map(renderFault);

describe('YAML faults', () => {
  it.each([
    ['duplicate keys', 'a: 1\na: 2\nb: 3\nb: 4\n', ['f:2:1 key a is in this map twice', 'f:4:1 key b is in this map twice']],
    ['a duplicate key of a flow map', 'a: { x: 1, x: 2 }', ['f:1:12 key x is in this map twice']],
    ['tabs', 'a:\n\t- x\n', ['f:2:1 tabs are not allowed as indentation (indent with spaces)']],
    ['bad indentation', 'a:\n  - b\n c: 1\n', ['f:3:1 all mapping items must start at the same column']],
    ['missing anchors', 'a: *x\nb: *y\n', ['f:1:4 a: alias *x has no anchor &x before it', 'f:2:4 b: alias *y has no anchor &y before it']],
    ['an alias to itself', 'a: &a [*a]\n', ['f:1:7 a[0]: holds an alias to itself']],
    ['an unknown tag', 'if: !x\n', ['f:1:5 unresolved tag: !x (put the value into quotes if it is no tag)']],
    ['a second document', 'a: 1\n---\nb: 2\n', ['f:2:1 has more than one YAML document; write one file for each']],
    ['no document', '# nothing\n', ['f:1:1 is empty']],
    ['an unclosed quote', 'a: "x\n', ['f:2:1 missing closing "quote']],
    ['a colon in a value', 'a: b: c\n', ['f:1:4 nested mappings are not allowed in compact mappings (put a value that holds ": " into quotes)']],
    ['keys that are not text', '1: x\nnull: y\n', ['f:1:1 a key is not text; put it into quotes', 'f:2:1 a key is not text; put it into quotes']],
    [
      'numbers that JSON changes',
      'a: .nan\nb: 12345678901234567890\n',
      [
        'f:1:4 a: number .nan cannot be kept exactly; put it into quotes if it is text',
        'f:2:4 b: number 12345678901234567890 cannot be kept exactly; put it into quotes if it is text',
      ],
    ],
    ['YAML 1.1', '%YAML 1.1\n---\na: yes\n', ['f:1:1 asks for YAML 1.1, where yes and no are booleans; write YAML 1.2']],
  ])('%s', (_, text, expected) => {
    expect(faultsOf(text)).toEqual(expected);
  });

  it('advise quotes for an expression in a flow map', () => {
    expect(faultsOf('a: { b: ${{ plan.x }} }\n').at(0)).toContain('(put ${{ }} into quotes within { } and [ ])');
  });

  it('stop aliases that would fill the memory', () => {
    const levels = 'bcdefghij'.split('').map((name, index) => `${name}: &${name} [${Array(10).fill(`*${'abcdefghij'[index]}`).join(', ')}]`);
    expect(faultsOf(`a: &a [${Array(10).fill('x').join(', ')}]\n${levels.join('\n')}`)[0]).toContain(
      'has more than 100000 values once its aliases are followed',
    );
  });
});

describe('YAML data', () => {
  it('follows aliases, keeps the types of YAML 1.2 and every key', () => {
    const { data, faults } = parseYamlSource({ file: 'f', text: 'a: &x [1, yes, ~]\nb: *x\n__proto__: 1\nd: 2026-01-02\n' });
    expect(faults).toEqual([]);
    expect(Object.entries(data as object)).toEqual([
      ['a', [1, 'yes', null]],
      ['b', [1, 'yes', null]],
      ['__proto__', 1],
      ['d', '2026-01-02'],
    ]);
  });

  it.each([
    [['a', 'b'], 'value', '2:6'],
    [['a', 'b'], 'key', '2:3'],
    [['a', 'gone'], 'value', '1:1'],
    [['l', 1], 'value', '3:8'],
    [['l', 7], 'value', '3:1'],
    [[], 'value', '1:1'],
  ] as const)('finds %j (%s) at %s', (path, at, where) => {
    const source = parseYamlSource({ file: 'f', text: 'a:\n  b: "x ${{ one }} ${{ two }}"\nl: [1, 2]\n' });
    const { line, column } = source.faultAt(path, { message: 'm', at });
    expect(`${line}:${column}`).toBe(where);
  });

  it('finds one expression of several in a value', () => {
    const source = parseYamlSource({ file: 'f', text: 'two: 1\na: "x ${{ one }} ${{ two }}"\n' });
    expect(source.faultAt(['a'], { message: 'm', near: 'two' })).toMatchObject({ line: 2, column: 22 });
  });

  it('is read, or faults are given, for any text', () => {
    const piece = fc.constantFrom(
      'a',
      'b:',
      ': ',
      '- ',
      '\n',
      '\n  ',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '&x ',
      '*x',
      '!t ',
      '|',
      '>',
      '#',
      '?',
      '\t',
      '%',
      '---',
      '...',
      '${{',
      '}}',
      '\u0000',
      '1e999',
    );
    const text = fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(fc.oneof(text, fc.string()), (input) => {
        const { data, faults } = parseYamlSource({ file: 'f', text: input });
        expect(data === undefined).toBe(faults.length > 0);
        for (const fault of faults) expect(Math.min(fault.line, fault.column)).toBeGreaterThanOrEqual(1);
      }),
      { numRuns: 500 },
    );
  });
});
