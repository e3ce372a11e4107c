import { describe, expect, it } from 'vitest';
import { parseManifestFile } from '../../../../src/adapters/yaml/parse-manifest-file.ts';
import { CASES, fileOf, type YamlCase } from '../../../fixtures/kubectl-yaml/cases.ts';
import expected from '../../../fixtures/kubectl-yaml/expected.json' with { type: 'json' };

type Answer = { readonly objects: readonly unknown[] } | { readonly error: string };

/** Where we knowingly differ, and how: never by another value. */
const STRICTER: ReadonlyMap<string, string> = new Map([['escaped single quote', "YAML 1.2 has no \\' escape; js-yaml refuses it with a position"]]);
const MORE_LENIENT: ReadonlyMap<string, string> = new Map([
  ['tabs as indentation in flow', 'inside brackets blanks mean nothing, so there is only one reading'],
]);

const answers = expected.cases as Readonly<Record<string, Answer | undefined>>;

function read(item: YamlCase): Answer {
  const parsed = parseManifestFile({ path: 'case.yaml', content: new TextEncoder().encode(fileOf(item)) });
  const [fault] = parsed.faults;
  return fault === undefined ? { objects: parsed.documents.map((document) => document.value) } : { error: fault.message };
}

describe(`the manifest parser reads as kubectl ${expected.kubectl} does`, () => {
  it('has an answer of kubectl for every case', () => {
    expect(Object.keys(answers).sort()).toEqual(CASES.map((item) => item.id).sort());
  });

  it.each(CASES.filter((item) => !STRICTER.has(item.id) && !MORE_LENIENT.has(item.id)))('$id', (item) => {
    const answer = answers[item.id];
    const own = read(item);
    if (answer !== undefined && 'objects' in answer) expect(own).toEqual({ objects: answer.objects });
    else expect(own).toHaveProperty('error');
  });

  it.each([...STRICTER])('refuses: %s (%s)', (id) => {
    const item = CASES.find((candidate) => candidate.id === id);
    expect(answers[id]).toHaveProperty('objects');
    expect(item === undefined ? undefined : read(item)).toHaveProperty('error');
  });

  it.each([...MORE_LENIENT])('accepts: %s (%s)', (id) => {
    const item = CASES.find((candidate) => candidate.id === id);
    expect(answers[id]).toHaveProperty('error');
    expect(item === undefined ? undefined : read(item)).toHaveProperty('objects');
  });
});
