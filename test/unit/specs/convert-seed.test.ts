import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { type Conversion, convertSeeds } from '../../../src/specs/convert/convert-seed.ts';
import { readManifests } from '../../../src/specs/manifest.ts';
import { LATTICE_PROFILE } from '../../../src/specs/profiles/lattice.ts';
import { checkAgainstSchema, schemaOf } from '../../../src/specs/prune.ts';
import { lattice, manifest } from './objects.ts';
import { currentCrds, seedFile } from './seed-files.ts';

const IMAGE = { latticeImage: 'ghcr.io/example/lattice:1.9' };

function convert(...objects: readonly KubeObject[]): Conversion {
  return convertSeeds(
    objects.map((object) => manifest(object)),
    {},
  );
}

function documented(): Conversion {
  const files = ['cluster.yaml', 'backups.yaml'].map((name) => seedFile(name).parsed);
  return convertSeeds(readManifests(files, LATTICE_PROFILE).objects, IMAGE);
}

describe('the documented examples', () => {
  const crds = currentCrds();
  const check = (object: KubeObject) => checkAgainstSchema(object, schemaOf(crds.get(object.kind) ?? object, 'v1alpha1') ?? {});

  it('are refused by the CRDs of today as they are', () => {
    const { objects } = readManifests([seedFile('cluster.yaml').parsed], LATTICE_PROFILE);
    const cluster = objects.find(({ object }) => object.kind === 'LatticeCluster')?.object;
    expect(cluster === undefined ? undefined : check(cluster)).toEqual({
      unknown: ['spec.parentConfig.host'],
      refused: [
        { path: 'spec.provider.config.aws.sshKeyName', message: 'is required and missing' },
        { path: 'spec.nodes.controlPlane.instanceType', message: 'expected object, got "m5.xlarge"' },
        { path: 'spec.nodes.workerPools.general.instanceType', message: 'expected object, got "m5.2xlarge"' },
        { path: 'spec.nodes.workerPools.gpu.instanceType', message: 'expected object, got "g5.xlarge"' },
        { path: 'spec.monitoring', message: 'expected object, got true' },
        { path: 'spec.backups', message: 'expected object, got true' },
        { path: 'spec.latticeImage', message: 'is required and missing' },
      ],
    });
  });

  it('are accepted once converted, every one of them', () => {
    const { objects, faults } = documented();
    expect(faults).toEqual([]);
    expect(objects).toHaveLength(5);
    for (const { object } of objects) expect(check(object)).toEqual({ unknown: [], refused: [] });
  });

  it('show every change with its reason', () => {
    const shown = documented().converted.flatMap(({ manifest: { key }, diffs }) => diffs.map((diff) => [key, diff.path, diff.from, diff.to] as const));
    const cluster = 'lattice.dev/LatticeCluster production';
    const provider = 'lattice.dev/CloudProvider lattice-system/aws-prod';
    const secret = { name: 'aws-credentials', namespace: 'lattice-system' };
    expect(shown).toEqual([
      [cluster, 'spec.nodes.controlPlane.instanceType', 'm5.xlarge', { name: 'm5.xlarge' }],
      [cluster, 'spec.nodes.workerPools.general.instanceType', 'm5.2xlarge', { name: 'm5.2xlarge' }],
      [cluster, 'spec.nodes.workerPools.gpu.instanceType', 'g5.xlarge', { name: 'g5.xlarge' }],
      [cluster, 'spec.monitoring', true, { enabled: true }],
      [cluster, 'spec.backups', true, { enabled: true }],
      [cluster, 'spec.parentConfig.host', '172.18.255.1', undefined],
      [cluster, 'spec.latticeImage', undefined, 'ghcr.io/example/lattice:1.9'],
      [cluster, 'spec.provider.config.aws.sshKeyName', undefined, 'ops'],
      [provider, 'kind', 'CloudProvider', 'InfraProvider'],
      [provider, 'spec.type', 'AWS', 'aws'],
      [provider, 'spec.credentialsSecretRef', secret, undefined],
      [provider, 'spec.credentials', undefined, { id: 'aws-credentials', provider: 'lattice-local' }],
      ['lattice.dev/BackupStore lattice-system/local-minio', 'spec.storage.credentialsSecretRef', 'minio-creds', undefined],
      ['lattice.dev/BackupStore lattice-system/local-minio', 'spec.storage.credentials', undefined, { id: 'minio-creds', provider: 'lattice-local' }],
      ['lattice.dev/LatticeClusterBackup lattice-system/daily-backup', 'spec.retention.ttl', '30d', '720h'],
    ]);
    expect(
      documented()
        .converted.flatMap(({ diffs }) => diffs)
        .every(({ reason }) => reason.length > 0),
    ).toBe(true);
  });

  it('convert to something that converts to itself', () => {
    const once = documented();
    const twice = convertSeeds(once.objects, IMAGE);
    expect(twice.converted).toEqual([]);
    expect(twice.objects).toEqual(once.objects);
  });
});

describe('what has no counterpart is a fault', () => {
  const cluster = (spec: JsonObject) => lattice('LatticeCluster', '/prod', { latticeImage: 'x', ...spec });

  it.each([
    ['no image anywhere', lattice('LatticeCluster', '/prod', {}), 'spec.latticeImage'],
    ['a removed provider', cluster({ provider: { config: { openstack: {} } } }), 'spec.provider.config.openstack'],
    ['a removed provider type', lattice('InfraProvider', 'p', { type: 'OpenStack' }), 'spec.type'],
    ['no key for AWS', cluster({ provider: { config: { aws: { region: 'x' } } } }), 'spec.provider.config.aws.sshKeyName'],
    ['old networking', cluster({ networking: { default: { cidr: '10.0.0.0/24' } } }), 'spec.networking'],
    ['credentials that name nothing', lattice('InfraProvider', 'p', { type: 'aws', credentialsSecretRef: {} }), 'spec.credentialsSecretRef'],
  ])('%s', (_, object, path) => {
    expect(convert(object).faults.map((fault) => [fault.code, fault.path])).toEqual([['conversion-impossible', path]]);
  });

  it('two providers that become one', () => {
    const { faults } = convert(lattice('CloudProvider', 'aws', { type: 'aws' }), lattice('InfraProvider', 'aws', { type: 'aws' }));
    expect(faults.map(({ code }) => code)).toEqual(['duplicate-object']);
  });
});

describe('what is fine already', () => {
  it('is given back as it is', () => {
    const object = manifest(lattice('InfraProvider', 'aws', { type: 'aws', credentials: { id: 'a', provider: 'vault' } }));
    const { objects, converted } = convertSeeds([object], {});
    expect(objects[0]).toBe(object);
    expect(converted).toEqual([]);
  });

  it('is left alone outside the platform', () => {
    const { converted } = convert({ apiVersion: 'example.com/v1', kind: 'LatticeCluster', metadata: { name: 'x' }, spec: { monitoring: true } });
    expect(converted).toEqual([]);
  });

  it('keeps credentials that are written in both ways', () => {
    const { converted } = convert(
      lattice('InfraProvider', 'p', { type: 'aws', credentialsSecretRef: { name: 'old' }, credentials: { id: 'new', provider: 'vault' } }),
    );
    expect(converted[0]?.object.spec).toEqual({ type: 'aws', credentials: { id: 'new', provider: 'vault' } });
  });
});
