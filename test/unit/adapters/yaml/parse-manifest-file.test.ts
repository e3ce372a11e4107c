import { describe, expect, it } from 'vitest';
import { createManifestParser } from '../../../../src/adapters/yaml/manifest-parser.ts';
import { parseManifestFile } from '../../../../src/adapters/yaml/parse-manifest-file.ts';
import type { Finding } from '../../../../src/model/finding.ts';
import type { ParsedFile } from '../../../../src/model/manifest.ts';

function parse(text: string | Uint8Array): ParsedFile {
  return parseManifestFile({ path: 'apps/shop.yaml', content: typeof text === 'string' ? new TextEncoder().encode(text) : text });
}

function places(findings: readonly Finding[]): readonly (readonly [string, number, number | undefined])[] {
  return findings.map((finding) => [finding.code, finding.line, finding.column]);
}

describe('faults have a place', () => {
  it.each([
    ['an unknown alias', 'a: 1\nb:\n  c: *x\n', 3, 6],
    ['a value that does not fit its tag', 'a: 1\nb: !!int x\n', 2, 10],
    ['a second colon', 'a: 1\nb: c: d\n', 2, 5],
    ['infinity', 'a: [1,\n  .inf]\n', 2, 3],
    ['a null key', 'x:\n  ~: y\n', 2, 3],
    ['a list as a key', 'x:\n  ? [a]\n  : b\n', 2, 5],
    ['an unclosed quote', 'a: 1\nb: "x\n', 3, 1],
    ['a fault after mended brackets', 'a:\n  b: [\n  1\n  ]\n  c: *no\n', 5, 6],
    ['content after a separator', 'a: 1\n--- {b: 2}\n', 2, 1],
    ['a key that is text and a number', '"80": a\n80: b\n', 2, 1],
  ])('%s', (...[, text, line, column]) => {
    expect(places(parse(text).faults)).toEqual([['yaml-syntax', line, column]]);
  });

  it('counts lines over documents and goes on after a broken one', () => {
    const parsed = parse('a: 1\n---\nb: *x\n---\nc: [1\n---\nd: 4\n');
    expect(places(parsed.faults)).toEqual([
      ['yaml-syntax', 3, 4],
      ['yaml-syntax', 6, 1],
    ]);
    expect(parsed.documents.map((document) => [document.index, document.line, document.value])).toEqual([
      [0, 1, { a: 1 }],
      [1, 7, { d: 4 }],
    ]);
  });

  it('refuses numbers it would have to round, in YAML and in JSON', () => {
    expect(places(parse('a: 1\nb: 9007199254740993\n').faults)).toEqual([['yaml-inexact-number', 2, 4]]);
    expect(places(parse('{"a": "9007199254740993",\n "b": 9007199254740993}').faults)).toEqual([['yaml-inexact-number', 2, 7]]);
    expect(parse('{"a": 9007199254740991}').faults).toEqual([]);
  });

  it('refuses what kubectl would ignore after the end marker', () => {
    const parsed = parse('a: 1\n...\nb: 2\n');
    expect(places(parsed.faults)).toEqual([['yaml-ignored-content', 3, 1]]);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(places(parse(new Uint8Array([0x61, 0x3a, 0x20, 0xff])).faults)).toEqual([['yaml-syntax', 1, 1]]);
  });

  it('refuses a document that explodes by aliases', () => {
    const levels = Array.from({ length: 12 }, (_, level) => `l${level + 1}: &l${level + 1} [${Array.from({ length: 9 }, () => `*l${level}`).join(', ')}]`);
    const [fault] = parse(`l0: &l0 [x]\n${levels.join('\n')}\n`).faults;
    expect(fault?.message).toBe('excessive aliasing');
  });
});

describe('notes', () => {
  it('reports a key written twice and keeps the last, as kubectl does in silence', () => {
    const parsed = parse('spec:\n  replicas: 1\n  image: x\n  replicas: 3\n');
    expect(places(parsed.notes)).toEqual([['yaml-duplicate-key', 4, 3]]);
    expect(parsed.faults).toEqual([]);
    expect(parsed.documents[0]?.value).toEqual({ spec: { replicas: 3, image: 'x' } });
  });
});

describe('values', () => {
  it('never writes to a prototype', () => {
    const value = parse('a:\n  __proto__: {polluted: true}\n').documents[0]?.value as { readonly a: object };
    expect(Object.keys(value.a)).toEqual(['__proto__']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('gives the line of the first node, not of a comment before it', () => {
    const parsed = parse('# first\n\n---\n# second\n\nkind: A\n---\n# only a comment\n');
    expect(parsed.documents.map((document) => document.line)).toEqual([6]);
  });
});

describe('the parser of many files', () => {
  it('keeps the order of files and reports each file by itself', async () => {
    const files = ['a: 1', 'b: *x', 'c: 3'].map((text, index) => ({ path: `${index}.yaml`, content: new TextEncoder().encode(text) }));
    const parsed = await createManifestParser().parse(files, new AbortController().signal);
    expect(parsed.map((file) => [file.path, file.documents.length, file.faults.length])).toEqual([
      ['0.yaml', 1, 0],
      ['1.yaml', 0, 1],
      ['2.yaml', 1, 0],
    ]);
  });

  it('gives way to other work while it reads a lot', async () => {
    const content = new TextEncoder().encode(`a: ${'x'.repeat(1024)}\n`);
    const files = Array.from({ length: 1024 }, (_, index) => ({ path: `${index}.yaml`, content }));
    let turns = 0;
    const tick = setInterval(() => (turns += 1), 0);
    await createManifestParser().parse(files, new AbortController().signal);
    clearInterval(tick);
    expect(turns).toBeGreaterThan(0);
  });

  it('stops when it is told to', async () => {
    const reason = new Error('stop');
    const parse = createManifestParser().parse([{ path: 'a.yaml', content: new Uint8Array() }], AbortSignal.abort(reason));
    await expect(parse).rejects.toBe(reason);
  });
});
