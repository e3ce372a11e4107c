import { describe, expect, it } from 'vitest';
import type { TarballFacts } from '../../../src/backup/tarball.ts';
import { fileFindings, tarballFindings, type VeleroFiles } from '../../../src/backup/velero-checks.ts';
import type { JsonObject } from '../../../src/model/json.ts';

function files(overrides: Partial<VeleroFiles> = {}, status: JsonObject = {}): VeleroFiles {
  return {
    name: 'b1',
    metadata: { metadata: { name: 'b1' }, status: { volumeSnapshotsAttempted: 2, volumeSnapshotsCompleted: 2, ...status } },
    tarballBytes: 10,
    resourceList: {},
    volumeInfo: [],
    volumeSnapshots: [],
    itemOperations: [],
    podVolumeBackups: [],
    results: {},
    tarballAt: '2026-03-01T02:00:00Z',
    metadataAt: '2026-03-01T02:00:00Z',
    unreadable: [],
    ...overrides,
  };
}

const DONE = { status: { phase: 'Completed' } };

describe('the small files of a backup', () => {
  it.each<[string, VeleroFiles, readonly string[]]>([
    ['that fit together', files(), []],
    ['of which one cannot be read', files({ unreadable: ['b1-results.gz'] }), ['bad b1-results.gz cannot be read as what it should be']],
    ['whose status counts fewer snapshots than were begun', files({}, { volumeSnapshotsCompleted: 1 }), ['bad 1 of 2 volume snapshots were completed']],
    ['whose status counts CSI snapshots', files({}, { csiVolumeSnapshotsAttempted: 1 }), ['bad 0 of 1 CSI volume snapshots were completed']],
    [
      'whose status counts failed operations',
      files({}, { backupItemOperationsAttempted: 2, backupItemOperationsCompleted: 1, backupItemOperationsFailed: 1 }),
      ['bad 1 of 2 item operations were completed', 'bad 1 item operations failed'],
    ],
    ['with warnings', files({}, { warnings: 3 }), ['warning Velero gave 3 warnings when it was taken']],
    [
      'with an operation under way',
      files({ itemOperations: [DONE, { status: { phase: 'InProgress' } }, {}] }),
      ['bad an item operation is InProgress', 'bad an item operation is of no phase'],
    ],
    [
      'with operations and a tarball of before they ended',
      files({ itemOperations: [DONE], tarballAt: '2026-03-01T01:59:00Z' }),
      ['bad its tarball of 2026-03-01T01:59:00Z is older than its metadata of 2026-03-01T02:00:00Z: the final one was never uploaded'],
    ],
    ['with such a tarball and no operations', files({ tarballAt: '2026-03-01T01:59:00Z' }), []],
    [
      'with volumes that failed and were left out',
      files({
        volumeInfo: [
          { pvcNamespace: 'shop', pvcName: 'a', result: 'failed' },
          { pvcNamespace: 'shop', pvcName: 'b', skipped: true, skippedReason: 'no location' },
        ],
      }),
      ['bad the volume of shop/a failed', 'warning the volume of shop/b is not in it: no location'],
    ],
  ])('%s', (_, given, expected) => {
    expect(fileFindings(given).map(({ severity, message }) => `${severity} ${message}`)).toEqual(expected);
  });
});

function tarball(overrides: Partial<TarballFacts> = {}): TarballFacts {
  return {
    sha256: `sha256:${'a'.repeat(64)}`,
    sizeBytes: 1,
    unpackedBytes: 1,
    entries: 1,
    formatVersion: '1.1.0',
    items: new Set(['Pod shop/a']),
    volumes: [],
    ...overrides,
  };
}

describe('a tarball against the resource list', () => {
  it.each<[string, TarballFacts, Readonly<Record<string, readonly string[] | null>>, readonly string[]]>([
    ['equal', tarball(), { 'v1/Pod': ['shop/a'], 'v1/Secret': null }, []],
    [
      'by group and kind, whatever the version',
      tarball({ items: new Set(['Deployment.apps shop/a', 'Namespace shop']) }),
      { 'apps/v1beta1/Deployment': ['shop/a'], 'v1/Namespace': ['shop'] },
      [],
    ],
    ['with one missing', tarball(), { 'v1/Pod': ['shop/a', 'shop/b'] }, ['its resource list names 1 objects that its tarball has not: Pod shop/b']],
    [
      'with one added',
      tarball({ items: new Set(['Pod shop/a', 'ClusterRoleBinding.rbac.authorization.k8s.io x']) }),
      { 'v1/Pod': ['shop/a'] },
      ['its tarball has 1 objects that its resource list does not name: ClusterRoleBinding.rbac.authorization.k8s.io x'],
    ],
    [
      'of another layout',
      { ...tarball(), formatVersion: undefined } as unknown as TarballFacts,
      { 'v1/Pod': ['shop/a'] },
      ['its tarball has no metadata/version'],
    ],
    [
      'that is broken, of which nothing else is said',
      tarball({ fault: 'cut', items: new Set() }),
      { 'v1/Pod': ['shop/a'] },
      ['its tarball cannot be read to its end: cut'],
    ],
  ])('%s', (...[, facts, list, expected]) => {
    expect(tarballFindings(facts, list).map(({ message }) => message)).toEqual(expected);
  });

  it('names a few of many', () => {
    const names = Array.from({ length: 8 }, (_, index) => `shop/${index}`);
    expect(tarballFindings(tarball({ items: new Set() }), { 'v1/Pod': names })[0]?.message).toMatch(/8 objects .*: Pod shop\/0, .*Pod shop\/4 and 3 more$/);
  });
});
