import { describe, expect, it } from 'vitest';
import type { PlanBackup } from '../../../src/model/plan/backups.ts';
import { readBackupMetadata, recoveryPoints, restoreResults } from '../../../src/steps/recovery-points.ts';
import type { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { StepBench } from './step-harness.ts';
import { bucketWith, packed } from './velero-bucket.ts';

const SECTION: PlanBackup = { store: 'main', bucket: 'backups', clusterBackup: 'daily' };
const NOW = Date.parse('2026-03-01T03:00:00Z');
const signal = new AbortController().signal;

async function verdicts(bucket: MemoryObjectStore, section: PlanBackup = SECTION): Promise<readonly string[]> {
  const { ports } = new StepBench({ buckets: [bucket] });
  const found = await recoveryPoints(ports, section, { cluster: 'workload', before: NOW, now: NOW, signal });
  return found.map((verdict) => (verdict.usable ? `yes ${verdict.point.name}` : `no ${verdict.name}: ${verdict.reason}`));
}

describe('recovery points in a bucket', () => {
  it('newest first, the refused among them with the reason', async () => {
    const bucket = bucketWith(
      { name: 'lattice-daily-20260228020000' },
      { name: 'lattice-daily-20260301020000' },
      { name: 'lattice-daily-20260301010000', status: { phase: 'Failed' } },
    );
    expect(await verdicts(bucket)).toEqual([
      'yes lattice-daily-20260301020000',
      'no lattice-daily-20260301010000: phase is Failed',
      'yes lattice-daily-20260228020000',
    ]);
  });

  it('taken after the run began are left out, so that a resume chooses the same', async () => {
    expect(await verdicts(bucketWith({ name: 'lattice-daily-20260301020000' }, { name: 'lattice-daily-20260301030001' }))).toEqual([
      'yes lattice-daily-20260301020000',
    ]);
  });

  it('of another LatticeClusterBackup are not taken for those of one whose name begins alike', async () => {
    const bucket = bucketWith(
      { name: 'lattice-daily-20260228020000' },
      { name: 'lattice-daily-full-20260301020000' },
      { name: 'lattice-weekly-20260301020000' },
    );
    expect(await verdicts(bucket)).toEqual(['yes lattice-daily-20260228020000']);
  });

  it('of every LatticeClusterBackup when the plan names none, without those of single services', async () => {
    const bucket = bucketWith({ name: 'lattice-daily-20260228020000' }, { name: 'lattice-svc-shop-20260301020000' }, { name: 'by-hand' });
    expect(await verdicts(bucket, { store: 'main', bucket: 'backups' })).toEqual(['yes lattice-daily-20260228020000']);
  });

  it('are read under the prefix of the plan', async () => {
    expect(await verdicts(bucketWith({ name: 'lattice-daily-20260301020000' }), { ...SECTION, prefix: 'elsewhere' })).toEqual([]);
  });

  it.each([
    ['not JSON', { file: 'velero-backup.json', content: '{', reason: 'velero-backup.json is missing or not JSON' }],
    ['JSON null', { file: 'velero-backup.json', content: 'null', reason: 'velero-backup.json is missing or not JSON' }],
    ['a list', { file: 'velero-backup.json', content: '[]', reason: 'velero-backup.json is missing or not JSON' }],
    ['not gzip', { file: 'X-resource-list.json.gz', content: 'plain', reason: 'its resource list is missing or unreadable' }],
    ['another shape', { file: 'X-resource-list.json.gz', content: packed(['a']), reason: 'its resource list is missing or unreadable' }],
    [
      'a truncated gzip',
      { file: 'X-resource-list.json.gz', content: packed({ 'v1/Pod': ['a/b'] }).subarray(0, 20), reason: 'its resource list is missing or unreadable' },
    ],
  ])('whose file is %s are refused', async (_, { file, content, reason }) => {
    const name = 'lattice-daily-20260301020000';
    const bucket = bucketWith({ name });
    bucket.put(`lattice-main/backups/${name}/${file.replace('X', name)}`, content);
    expect(await verdicts(bucket)).toEqual([`no ${name}: ${reason}`]);
  });

  it('whose volume information is unreadable hold no data', async () => {
    const name = 'lattice-daily-20260301020000';
    const bucket = bucketWith({ name });
    bucket.put(`lattice-main/backups/${name}/${name}-volumeinfo.json.gz`, packed({ not: 'a list' }));
    const [verdict] = await recoveryPoints(new StepBench({ buckets: [bucket] }).ports, SECTION, { cluster: 'workload', before: NOW, now: NOW, signal });
    expect(verdict).toMatchObject({ usable: true, point: { volumes: [], withoutData: [{ claim: 'shop/data', reason: 'not in the volume information' }] } });
  });
});

describe('what Velero left in the bucket', () => {
  it('about a restore that failed, in its words', async () => {
    const bucket = bucketWith();
    bucket.put(
      'lattice-main/restores/r1/restore-r1-results.gz',
      packed({
        errors: { velero: ['v'], cluster: null, namespaces: { shop: ['no such snapshot'], other: null } },
        warnings: { namespaces: { shop: ['exists already'] } },
      }),
    );
    const { ports } = new StepBench({ buckets: [bucket] });
    expect(await restoreResults(ports, SECTION, { restore: 'r1', signal })).toEqual({
      errors: ['v', 'shop: no such snapshot'],
      warnings: ['shop: exists already'],
    });
    expect(await restoreResults(ports, SECTION, { restore: 'r2', signal })).toEqual({ errors: [], warnings: [] });
  });

  it('about a backup', async () => {
    const { ports } = new StepBench({ buckets: [bucketWith({ name: 'lattice-daily-20260301020000' })] });
    expect(await readBackupMetadata(ports, SECTION, { name: 'lattice-daily-20260301020000', signal })).toMatchObject({
      metadata: { name: 'lattice-daily-20260301020000' },
    });
    expect(await readBackupMetadata(ports, SECTION, { name: 'none', signal })).toBeUndefined();
  });
});
