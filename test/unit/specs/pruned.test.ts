import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { prunedFields, withoutFields } from '../../../src/specs/pruned.ts';
import { lattice, manifest, service } from './objects.ts';
import { currentCrds } from './seed-files.ts';

const crds = [...currentCrds().values()];
const STORE = lattice('BackupStore', 'main', {
  storage: { provider: 's3Compatible', s3: { bucket: 'b', endPoint: 'https://s3.example.com' }, credentialsSecretRef: 'keys', minio: { deep: [1] } },
});

describe('fields that a server does not know', () => {
  it('are named as they are typed on a command line, with their place, and told apart by what they are about', () => {
    const web = service('shop/web', {}, { replica: 2, backupEndpoint: 'x' });
    const found = prunedFields([manifest(STORE), manifest(web, 7)], crds);
    expect(found.map(({ name, at, isCritical }) => `${at} ${name} ${isCritical ? 'critical' : ''}`)).toEqual([
      'specs.yaml:1 BackupStore/lattice-system/main:spec.storage.s3.endPoint critical',
      'specs.yaml:1 BackupStore/lattice-system/main:spec.storage.credentialsSecretRef critical',
      'specs.yaml:1 BackupStore/lattice-system/main:spec.storage.minio critical',
      'specs.yaml:7 LatticeService/shop/web:spec.replica ',
      'specs.yaml:7 LatticeService/shop/web:spec.backupEndpoint critical',
    ]);
  });

  it('are none where the server has no schema of the type', () => {
    expect(prunedFields([manifest(STORE)], [])).toEqual([]);
    expect(prunedFields([manifest({ ...STORE, apiVersion: 'lattice.dev/v9' })], crds)).toEqual([]);
  });

  it('are taken out, and nothing else is', () => {
    const trimmed = withoutFields(STORE, new Set(prunedFields([manifest(STORE)], crds).map(({ path }) => path)));
    expect(trimmed).toEqual(lattice('BackupStore', 'main', { storage: { provider: 's3Compatible', s3: { bucket: 'b' } } }));
    const listed = { apiVersion: 'v1', kind: 'K', metadata: { name: 'x' }, spec: { 'a.b': [{ c: 1, d: 2 }] } } as unknown as KubeObject;
    expect(withoutFields(listed, new Set(['spec["a.b"][0].c'])).spec).toEqual({ 'a.b': [{ d: 2 }] });
    expect(withoutFields(STORE, new Set())).toBe(STORE);
  });
});
