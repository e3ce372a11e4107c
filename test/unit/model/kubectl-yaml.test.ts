import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseManifestFile } from '../../../src/adapters/yaml/parse-manifest-file.ts';
import { kubectlYaml, kubectlYamlLine } from '../../../src/model/kubectl-yaml.ts';

const OBJECT = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
const OF_YAML_11 = [
  'y',
  'N',
  'on',
  '~',
  '<<',
  '017',
  '08',
  '0o17',
  '1_000',
  '1:30',
  '2001-01-01',
  '.5',
  '0b1',
  'a\u2028b',
  '\u0085',
  'a\nb',
  ' a\n\nb\n',
  '\r',
  '\ud800',
  '- a',
  'a: b',
  '#',
];
const text = fc.oneof(
  fc.constantFrom(...OF_YAML_11),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.string({ unit: fc.constantFrom('y', 'n', '0', '1', '_', ':', '-', '.', 'e', 'x', '+', 'b', ' ', '\n'), maxLength: 8 }),
);
const data = fc.dictionary(text, fc.oneof(text, fc.array(text, { maxLength: 2 })), { maxKeys: 4 });

/** What kubectl makes of it. */
function read(yaml: string): unknown {
  const { documents, faults } = parseManifestFile({ path: 'x.yaml', content: Buffer.from(yaml) });
  return faults.length > 0 ? faults : documents.map(({ value }) => (value as Record<string, unknown>)['data'])[0];
}

it.each([
  ['in lines', (value: object) => kubectlYaml({ ...OBJECT, data: value })],
  ['on one line', (value: object) => `${kubectlYaml(OBJECT)}data: ${kubectlYamlLine(value as never)}\n`],
])('whatever text is written %s is read by kubectl as the same text, as key and as value', (_, write) => {
  fc.assert(
    fc.property(data, (value) => {
      expect(read(write(value))).toEqual(value);
    }),
    { numRuns: 500 },
  );
});

it('is one line when it says so', () => {
  fc.assert(
    fc.property(data, (value) => {
      expect(kubectlYamlLine(value)).not.toMatch(/[\n\u0085\u2028\u2029]/);
    }),
  );
});
