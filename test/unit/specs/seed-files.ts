import { readdirSync, readFileSync } from 'node:fs';
import { parseManifestFile } from '../../../src/adapters/yaml/parse-manifest-file.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import type { ParsedFile } from '../../../src/model/manifest.ts';
import { fieldAt } from '../../../src/specs/fields.ts';

const FIXTURES = new URL('../../fixtures/seed-specs/', import.meta.url);
const CRDS = new URL('../../../src/lab/crds/current/', import.meta.url);

/** A file of specs in the older schema, as text and parsed. */
export function seedFile(name: string): { readonly path: string; readonly text: string; readonly parsed: ParsedFile } {
  const text = readFileSync(new URL(name, FIXTURES), 'utf8');
  return { path: name, text, parsed: parseManifestFile({ path: name, content: new TextEncoder().encode(text) }) };
}

/** The platform's CRDs of today, by kind. */
export function currentCrds(): ReadonlyMap<string, KubeObject> {
  const files = readdirSync(CRDS).filter((name) => name.endsWith('.yaml'));
  const objects = files.flatMap((name) =>
    parseManifestFile({ path: name, content: readFileSync(new URL(name, CRDS)) }).documents.map(({ value }) => value as unknown as KubeObject),
  );
  return new Map(objects.map((crd) => [String(fieldAt(crd.spec, 'names', 'kind')), crd]));
}
