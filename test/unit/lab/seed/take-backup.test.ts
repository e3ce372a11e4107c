import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { takeBackup } from '../../../../src/lab/seed/take-backup.ts';
import { FakeKubeCluster } from '../../../fakes/fake-kube-cluster.ts';
import { customType } from '../../../fakes/fake-kube-types.ts';

const KINDS = ['Schedule', 'BackupStorageLocation', 'Backup'];
const velero = (kind: string, name: string, more: object) => ({ apiVersion: 'velero.io/v1', kind, metadata: { namespace: 'velero', name }, ...more });

describe('a backup of the lab', () => {
  beforeEach(() => void vi.useFakeTimers({ now: new Date('2026-03-01T02:00:00Z'), toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  it('that its schedule has made in the same second is the one that is waited for', async () => {
    const cluster = new FakeKubeCluster({ types: KINDS.map((kind) => customType({ apiVersion: 'velero.io/v1', kind, hasStatus: false })) });
    cluster.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'velero' } });
    cluster.put(velero('Schedule', 'lattice-daily', { spec: { template: { storageLocation: 'lattice-main' } } }));
    cluster.put(velero('BackupStorageLocation', 'lattice-main', { status: { phase: 'Available' } }));
    cluster.put(velero('Backup', 'lattice-daily-20260301020000', { status: { phase: 'Completed' } }));
    expect(await takeBackup(cluster, 'lattice-daily', AbortSignal.timeout(10_000))).toBe('lattice-daily-20260301020000');
  });
});
