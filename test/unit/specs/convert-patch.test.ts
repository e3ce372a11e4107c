import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseManifestFile } from '../../../src/adapters/yaml/parse-manifest-file.ts';
import { type EditPatch, editPatch } from '../../../src/specs/convert/convert-patch.ts';
import { convertSeeds } from '../../../src/specs/convert/convert-seed.ts';
import { unifiedDiff } from '../../../src/specs/convert/line-diff.ts';
import { readManifests } from '../../../src/specs/manifest.ts';
import { LATTICE_PROFILE } from '../../../src/specs/profiles/lattice.ts';
import { seedFile } from './seed-files.ts';

const IMAGE = { latticeImage: 'ghcr.io/example/lattice:1.9' };

function parse(path: string, text: string) {
  return readManifests([parseManifestFile({ path, content: new TextEncoder().encode(text) })], LATTICE_PROFILE).objects;
}

function patchOf(path: string, text: string): EditPatch {
  return editPatch({ path, text }, convertSeeds(parse(path, text), IMAGE).converted);
}

/** What git makes of a patch: the proof that it is one. */
function applied(path: string, text: string, diff: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'lattice-dr-patch-'));
  try {
    writeFileSync(join(folder, path), text);
    writeFileSync(join(folder, 'change.patch'), diff);
    execFileSync('git', ['apply', '--unidiff-zero', 'change.patch'], { cwd: folder, env: { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() } });
    return readFileSync(join(folder, path), 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the patch of a file', () => {
  it.each(['cluster.yaml', 'backups.yaml'])('applied by git it makes %s what the conversion makes of it', (name) => {
    const { text } = seedFile(name);
    const { diff, byHand } = patchOf(name, text);
    expect(byHand).toEqual([]);
    const after = parse(name, applied(name, text, diff));
    expect(after.map(({ object }) => object)).toEqual(convertSeeds(parse(name, text), IMAGE).objects.map(({ object }) => object));
  });

  it('touches only the lines concerned and keeps comments', () => {
    const { text } = seedFile('cluster.yaml');
    const lines = patchOf('cluster.yaml', text)
      .diff.split('\n')
      .filter((line) => /^[-+](?![-+])/.test(line));
    expect(lines).toEqual([
      '+        sshKeyName: ops',
      '-      instanceType: m5.xlarge # three zones',
      '+      instanceType: { name: m5.xlarge } # three zones',
      '-        instanceType: m5.2xlarge',
      '+        instanceType: { name: m5.2xlarge }',
      '-        instanceType: g5.xlarge',
      '+        instanceType: { name: g5.xlarge }',
      '-    host: "172.18.255.1"',
      '-  monitoring: true # VictoriaMetrics + KEDA',
      '-  backups: true # Velero backup infrastructure',
      '+  monitoring: { enabled: true } # VictoriaMetrics + KEDA',
      '+  backups: { enabled: true } # Velero backup infrastructure',
      '+  latticeImage: ghcr.io/example/lattice:1.9',
      '-kind: CloudProvider',
      '+kind: InfraProvider',
      '-  type: AWS',
      '+  type: aws',
      '-  credentialsSecretRef:',
      '-    name: aws-credentials',
      '-    namespace: lattice-system',
      '+  credentials: { id: aws-credentials, provider: lattice-local }',
    ]);
  });

  it('leaves what it cannot write to a person, by name', () => {
    const flow = '{apiVersion: lattice.dev/v1alpha1, kind: LatticeCluster, metadata: {name: a}, spec: {monitoring: true, latticeImage: x}}\n'.replace(
      '{api',
      '---\n{api',
    );
    expect(patchOf('a.yaml', flow)).toEqual({ diff: '', byHand: ['lattice.dev/LatticeCluster a'] });
    const list =
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: lattice.dev/v1alpha1\n  kind: LatticeCluster\n  metadata: {name: a}\n  spec:\n    monitoring: true\n    latticeImage: x\n';
    expect(patchOf('a.yaml', list)).toEqual({ diff: '', byHand: ['lattice.dev/LatticeCluster a'] });
  });

  it('works on a file that does not end with a newline', () => {
    const text = 'apiVersion: lattice.dev/v1alpha1\nkind: LatticeCluster\nmetadata:\n  name: a\nspec:\n  monitoring: true';
    const { diff } = patchOf('a.yaml', text);
    expect(parse('a.yaml', applied('a.yaml', text, diff))[0]?.object.spec).toEqual({ monitoring: { enabled: true }, latticeImage: IMAGE.latticeImage });
  });

  it('is empty for a file that is fine', () => {
    expect(patchOf('a.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n')).toEqual({ diff: '', byHand: [] });
  });
});

describe('the diff of two texts', () => {
  it('is empty for equal texts', () => {
    expect(unifiedDiff('a', 'x\n', 'x\n')).toBe('');
  });

  it('turns the one into the other, for git', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 14 }).map((lines) => `${lines.join('\n')}\n`);
    fc.assert(
      fc.property(text, text, (before, after) => {
        const diff = unifiedDiff('f.txt', before, after);
        expect(diff === '' ? before : applied('f.txt', before, diff)).toBe(after);
      }),
      { numRuns: 40 },
    );
  });

  it('replaces a value of any form, under a key of any form, by a text that kubectl reads as it is', () => {
    const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\ndata:\n';
    const text = `${head}  empty:\n  block: |\n    one\n    two\n  "n": {a: 1}\n  list:\n  - 1\n  plain: one # why\n  last: >-\n    one\n    two\n`;
    const manifest = parse('x.yaml', text)[0];
    if (manifest === undefined) throw new Error('no manifest');
    const keys = ['empty', 'block', 'n', 'list', 'plain', 'last', 'y', 'a: b'];
    for (const to of ['n', '017', '1_000', 'one\ntwo', 'one\u2028two', ': ', '']) {
      for (const key of keys) {
        const { diff } = editPatch({ path: 'x.yaml', text }, [{ manifest, edits: [{ path: ['data', key], to, reason: 'test' }] }]);
        const [after] = parse('x.yaml', applied('x.yaml', text, diff));
        expect(after?.object['data']).toEqual({ ...(manifest.object['data'] as object), [key]: to });
      }
    }
  });
});
