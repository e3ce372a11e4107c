import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/model/finding.ts';
import type { JsonValue } from '../../../src/model/json.ts';
import type { ParsedFile } from '../../../src/model/manifest.ts';
import { type Manifests, readManifests, typesOf } from '../../../src/specs/manifest.ts';
import { LATTICE_PROFILE } from '../../../src/specs/profiles/lattice.ts';
import { core, lattice } from './objects.ts';

function file(path: string, ...values: readonly unknown[]): ParsedFile {
  const documents = values.map((value, index) => ({ path, index, line: 10 * index + 1, value: value as JsonValue }));
  return { path, documents, faults: [], notes: [] };
}

function read(...files: readonly ParsedFile[]): Manifests {
  return readManifests(files, LATTICE_PROFILE);
}

function brief(findings: readonly Finding[]): readonly string[] {
  return findings.map((finding) => `${finding.file}:${finding.line} ${finding.code} ${finding.path ?? ''}`.trim());
}

describe('objects of files', () => {
  it('keep their order and know where they are written', () => {
    const { objects, faults, notes } = read(file('a.yaml', core('Namespace', 'shop'), lattice('LatticeService', 'shop/cart', {})));
    expect(objects.map(({ key, source }) => [key, source.file, source.index, source.line])).toEqual([
      ['Namespace shop', 'a.yaml', 0, 1],
      ['lattice.dev/LatticeService shop/cart', 'a.yaml', 1, 11],
    ]);
    expect([...faults, ...notes]).toEqual([]);
  });

  it('come out of Lists of every kind', () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [core('Namespace', 'a'), core('Namespace', 'b')] };
    const typed = { apiVersion: 'v1', kind: 'ConfigMapList', items: [core('ConfigMap', 'a/c')] };
    expect(read(file('a.yaml', list, typed)).objects.map(({ key, source }) => [key, source.item])).toEqual([
      ['Namespace a', 0],
      ['Namespace b', 1],
      ['ConfigMap a/c', 0],
    ]);
  });

  it('do not lose a kind that only ends in List', () => {
    expect(read(file('a.yaml', { apiVersion: 'example.com/v1', kind: 'AllowList', metadata: { name: 'x' } })).objects).toHaveLength(1);
  });
});

describe('faults are listed all at once', () => {
  it('names everything an object lacks', () => {
    const { faults } = read(file('a.yaml', {}, { kind: 'ConfigMap' }, 'text', [1]), file('b.yaml', { apiVersion: 'v1', metadata: { name: 'x' } }));
    expect(brief(faults)).toEqual([
      'a.yaml:1 kind-missing kind',
      'a.yaml:1 api-version-missing apiVersion',
      'a.yaml:1 name-missing metadata.name',
      'a.yaml:11 api-version-missing apiVersion',
      'a.yaml:11 name-missing metadata.name',
      'a.yaml:21 not-an-object',
      'a.yaml:31 not-an-object',
      'b.yaml:1 kind-missing kind',
    ]);
  });

  it('refuses a name that is a number, and generateName', () => {
    const number = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 10 } };
    const generated = { apiVersion: 'batch/v1', kind: 'Job', metadata: { generateName: 'load-' } };
    const { faults } = read(file('a.yaml', number, generated));
    expect(faults.map(({ code, message }) => [code, message])).toEqual([
      ['name-missing', 'the name 10 is a number, not text'],
      ['name-generated', 'generateName "load-" makes another object on every apply'],
    ]);
  });

  it('refuses two files that say different things about one object', () => {
    const { faults, objects } = read(
      file('a.yaml', core('ConfigMap', 'shop/c', { data: { a: '1' } })),
      file('b.yaml', core('ConfigMap', 'shop/c', { data: { a: '2' } })),
    );
    expect(faults.map(({ file: name, code, message }) => [name, code, message])).toEqual([
      ['b.yaml', 'duplicate-object', 'written before with other content at a.yaml:1'],
    ]);
    expect(objects).toHaveLength(1);
  });

  it('only notes two files that say the same', () => {
    const { faults, notes, objects } = read(file('a.yaml', core('ConfigMap', 'shop/c')), file('b.yaml', core('ConfigMap', 'shop/c')));
    expect(faults).toEqual([]);
    expect(brief(notes)).toEqual(['b.yaml:1 duplicate-document']);
    expect(objects).toHaveLength(1);
  });

  it('takes two versions of one object for the same object', () => {
    const v2 = { ...lattice('LatticeService', 'shop/cart', {}), apiVersion: 'lattice.dev/v1beta1' };
    expect(brief(read(file('a.yaml', lattice('LatticeService', 'shop/cart', {}), v2)).faults)).toEqual(['a.yaml:11 duplicate-object']);
  });

  it('keeps what the parser found', () => {
    const fault: Finding = { code: 'yaml-syntax', file: 'a.yaml', line: 3, column: 4, message: 'bad' };
    expect(read({ path: 'a.yaml', documents: [], faults: [fault], notes: [] }).faults).toEqual([fault]);
  });

  it('refuses labels and annotations that are not text', () => {
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', labels: { 'lattice.dev/inherited': true }, annotations: { n: 1 } } };
    expect(brief(read(file('a.yaml', object)).faults)).toEqual([
      'a.yaml:1 metadata-type metadata.labels["lattice.dev/inherited"]',
      'a.yaml:1 metadata-type metadata.annotations.n',
    ]);
  });
});

describe('namespaces', () => {
  it('are required for namespaced kinds and left out for cluster-scoped ones', () => {
    const { faults, notes, objects } = read(file('a.yaml', lattice('LatticeService', '/cart', {}), lattice('LatticeCluster', 'lattice-system/prod', {})));
    expect(brief(faults)).toEqual(['a.yaml:1 namespace-missing metadata.namespace']);
    expect(brief(notes)).toEqual(['a.yaml:11 namespace-ignored metadata.namespace']);
    expect(objects.at(-1)?.object.metadata).toEqual({ name: 'prod' });
  });

  it('follow the CRD of the set for kinds nobody listed', () => {
    const crd = (scope: string) => ({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'things.example.com' },
      spec: { group: 'example.com', scope, names: { kind: 'Thing' } },
    });
    const thing = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'x' } };
    expect(brief(read(file('a.yaml', thing, crd('Namespaced'))).faults)).toEqual(['a.yaml:1 namespace-missing metadata.namespace']);
    expect(brief(read(file('a.yaml', thing, crd('Cluster'))).faults)).toEqual([]);
    expect(brief(read(file('a.yaml', thing)).faults)).toEqual([]);
  });

  it('of the system are refused for workloads, as the webhook does', () => {
    const { faults } = read(file('a.yaml', lattice('LatticeService', 'kube-system/cart', {}), core('ConfigMap', 'kube-system/c')));
    expect(brief(faults)).toEqual(['a.yaml:1 namespace-refused metadata.namespace']);
  });
});

describe('types to ask a server for', () => {
  it('are listed once, group by group', () => {
    const types = typesOf([lattice('LatticeService', 'a'), core('Secret', 'x/s'), lattice('LatticeService', 'b'), lattice('CedarPolicy', 'c')]);
    expect(types.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual([
      'v1 Secret',
      'lattice.dev/v1alpha1 CedarPolicy',
      'lattice.dev/v1alpha1 LatticeService',
    ]);
  });
});
