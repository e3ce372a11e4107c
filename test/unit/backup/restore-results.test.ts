import { describe, expect, it } from 'vitest';
import { diskOf } from '../../../src/backup/disk.ts';
import { triageRestore } from '../../../src/backup/restore-results.ts';
import { savedVolume } from '../../../src/backup/saved-volume.ts';
import type { JsonObject } from '../../../src/model/json.ts';

describe('triageRestore', () => {
  const results = { errors: ['shop: volume pv-1: no such snapshot', 'shop: pods "database" not found', 'disk full'], warnings: ['shop: it exists already'] };

  it('assigns an error to the claim or volume that it names in full, and keeps the others', () => {
    expect(triageRestore(results, [{ claim: 'shop/data', volume: 'pv-1', reason: 'it names no volume' }])).toEqual({
      short: [{ claim: 'shop/data', reason: 'it names no volume', said: ['shop: volume pv-1: no such snapshot'] }],
      unassigned: ['shop: pods "database" not found', 'disk full'],
      irrelevant: ['shop: it exists already'],
    });
  });

  it('takes nothing for relevant once every claim is proven', () => {
    expect(triageRestore(results, [])).toEqual({ short: [], unassigned: [], irrelevant: [...results.errors, ...results.warnings] });
  });
});

describe('diskOf', () => {
  it.each<[string, JsonObject | undefined, unknown]>([
    ['a CSI volume, by its driver', { csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1' } }, { type: 'ebs.csi.aws.com', handle: 'vol-1' }],
    ['a directory of a node', { hostPath: { path: '/d' } }, { type: 'hostPath', handle: '/d' }],
    ['an export of a server', { nfs: { server: 'nas', path: '/e' } }, { type: 'nfs', handle: 'nas:/e' }],
    ['a volume without a handle', { csi: { driver: 'd' } }, undefined],
    ['an unknown type', { flexVolume: { driver: 'x' } }, undefined],
    ['no volume', undefined, undefined],
  ])('tells %s', (_, spec, disk) => {
    expect(diskOf(spec)).toEqual(disk);
  });
});

describe('savedVolume', () => {
  const info = { pvcNamespace: 'shop', pvcName: 'data', result: 'succeeded' };

  it.each<[string, JsonObject, unknown]>([
    ['a volume that was skipped', { ...info, skipped: true }, undefined],
    ['one that failed', { ...info, result: 'failed' }, undefined],
    ['one without a claim', { pvName: 'pv-1' }, undefined],
    ['a time that is none', { ...info, startTimestamp: 'yesterday' }, { claim: 'shop/data', method: 'snapshot' }],
    [
      'when it began before when it ended',
      { ...info, startTimestamp: '2026-01-01T00:00:00Z', completionTimestamp: '2026-01-01T01:00:00Z' },
      { claim: 'shop/data', method: 'snapshot', takenAt: '2026-01-01T00:00:00Z' },
    ],
    ['bytes of a data mover', { ...info, snapshotDataMovementInfo: { size: 7 } }, { claim: 'shop/data', method: 'snapshot', bytes: 7 }],
    [
      'files without a snapshot: nothing to restore them by',
      { ...info, backupMethod: 'PodVolumeBackup', pvbInfo: {} },
      { claim: 'shop/data', method: 'fs-backup' },
    ],
  ])('reads %s', (_, entry, saved) => {
    expect(savedVolume(entry)).toEqual(saved === undefined ? undefined : { ...saved, isProvisioned: entry['backupMethod'] === 'PodVolumeBackup' });
  });
});
