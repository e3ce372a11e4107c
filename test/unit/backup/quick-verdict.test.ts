import { describe, expect, it } from 'vitest';
import { type BackupFacts, quickVerdict } from '../../../src/backup/quick-verdict.ts';
import type { JsonObject } from '../../../src/model/json.ts';

const NOW = Date.parse('2026-03-01T03:00:00Z');
const STATUS = { phase: 'Completed', completionTimestamp: '2026-03-01T02:00:00Z', expiration: '2026-04-01T02:00:00Z' };

function facts(overrides: Partial<BackupFacts> = {}): BackupFacts {
  return {
    name: 'b1',
    metadata: { metadata: { name: 'b1' }, status: STATUS },
    tarballBytes: 10,
    resourceList: { 'v1/PersistentVolumeClaim': ['shop/data'] },
    volumeInfo: [{ pvcNamespace: 'shop', pvcName: 'data', result: 'succeeded' }],
    volumeSnapshots: [{ spec: { location: 'main' } }],
    ...overrides,
  };
}

function withStatus(status: JsonObject): BackupFacts {
  return facts({ metadata: { metadata: { name: 'b1' }, status: { ...STATUS, ...status } } });
}

describe('a backup that is refused', () => {
  it.each<[string, BackupFacts, string]>([
    ['without metadata', facts({ metadata: undefined }), 'velero-backup.json is missing or not JSON'],
    ['whose metadata is of another backup', facts({ metadata: { metadata: { name: 'b2' }, status: STATUS } }), "its metadata names backup 'b2'"],
    ['whose metadata names nothing', facts({ metadata: { status: STATUS } }), "its metadata names backup 'undefined'"],
    ['without a status', facts({ metadata: { metadata: { name: 'b1' } } }), 'phase is none'],
    ['that failed', withStatus({ phase: 'Failed' }), 'phase is Failed'],
    ['that is partial', withStatus({ phase: 'PartiallyFailed' }), 'phase is PartiallyFailed'],
    ['that is being deleted', withStatus({ phase: 'Deleting' }), 'phase is Deleting'],
    ['without a completion time', withStatus({ completionTimestamp: undefined }), 'it has no completion time'],
    ['with another thing as its completion time', withStatus({ completionTimestamp: 'soon' }), 'it has no completion time (soon)'],
    ['that has expired', withStatus({ expiration: '2026-03-01T02:59:59Z' }), 'it expired at 2026-03-01T02:59:59Z'],
    ['that expires now', withStatus({ expiration: '2026-03-01T03:00:00Z' }), 'it expired at 2026-03-01T03:00:00Z'],
    ['whose expiration is no time', withStatus({ expiration: 'never' }), "its expiration 'never' is not a time"],
    ['without a tarball', facts({ tarballBytes: undefined }), 'its tarball is missing or empty'],
    ['with an empty tarball', facts({ tarballBytes: 0 }), 'its tarball is missing or empty'],
    ['without a resource list', facts({ resourceList: undefined }), 'its resource list is missing or unreadable'],
  ])('%s', (_, given, reason) => {
    const verdict = quickVerdict(given, NOW);
    expect(verdict).toMatchObject({ usable: false, name: 'b1' });
    expect(verdict.usable ? '' : verdict.reason).toContain(reason);
  });
});

describe('a backup that may be restored from', () => {
  it('says when it was taken and what it holds', () => {
    expect(quickVerdict(facts(), NOW)).toEqual({
      usable: true,
      point: { name: 'b1', completedAt: '2026-03-01T02:00:00Z', volumes: ['shop/data'], withoutData: [], snapshotLocations: ['main'] },
    });
  });

  it('needs no expiration and no volumes', () => {
    const verdict = quickVerdict({ ...withStatus({ expiration: undefined }), volumeInfo: undefined, volumeSnapshots: undefined, resourceList: {} }, NOW);
    expect(verdict).toMatchObject({ usable: true, point: { volumes: [], withoutData: [], snapshotLocations: [] } });
  });

  it('tells claims that it names but holds no data of, each with its reason', () => {
    const verdict = quickVerdict(
      facts({
        resourceList: { 'v1/PersistentVolumeClaim': ['shop/unmentioned', 'shop/data', 'shop/skipped', 'shop/failed'] },
        volumeInfo: [
          { pvcNamespace: 'shop', pvcName: 'data', result: 'succeeded' },
          { pvcNamespace: 'shop', pvcName: 'skipped', skipped: true, skippedReason: 'no snapshot location' },
          { pvcNamespace: 'shop', pvcName: 'failed', result: 'failed' },
        ],
      }),
      NOW,
    );
    expect(verdict).toMatchObject({
      usable: true,
      point: {
        volumes: ['shop/data'],
        withoutData: [
          { claim: 'shop/failed', reason: 'failed' },
          { claim: 'shop/skipped', reason: 'no snapshot location' },
          { claim: 'shop/unmentioned', reason: 'not in the volume information' },
        ],
      },
    });
  });

  it('counts no volume that has no claim, names each once, sorted', () => {
    const saved = (pvcName: string) => ({ pvcNamespace: 'shop', pvcName, result: 'succeeded' });
    const verdict = quickVerdict(
      facts({
        resourceList: {},
        volumeInfo: [saved('b'), saved('a'), saved('b'), { pvName: 'orphan', result: 'succeeded' }, saved('')],
        volumeSnapshots: [{ spec: { location: 'z' } }, { spec: { location: 'a' } }, { spec: { location: 'z' } }, { spec: {} }, {}],
      }),
      NOW,
    );
    expect(verdict).toMatchObject({ point: { volumes: ['shop/a', 'shop/b'], snapshotLocations: ['a', 'z'] } });
  });

  it('reads an empty list of a type', () => {
    expect(quickVerdict(facts({ resourceList: { 'v1/PersistentVolumeClaim': null } }), NOW)).toMatchObject({ usable: true, point: { withoutData: [] } });
  });
});
