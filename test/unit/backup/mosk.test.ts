import { describe, expect, it } from 'vitest';
import { moskBackup, moskCollision, moskDeletion, moskTaken, moskVerdict } from '../../../src/backup/mosk.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';

const REMOTE = { rclone: { bucket: 'dr/east', credential: 's3' } };
const UPLOADED = { uploadedAt: '2026-03-01T02:42:22Z', fileNames: { MKE: 'dr/east:nightly.encrypted' } };

function backup(status: JsonObject | undefined, spec: JsonObject = { parameters: REMOTE }): KubeObject {
  return {
    apiVersion: 'kaas.mirantis.com/v1alpha1',
    kind: 'ClusterBackup',
    metadata: { namespace: 'prod', name: 'nightly' },
    spec,
    ...(status === undefined ? {} : { status }),
  };
}

describe('a ClusterBackup of MOSK', () => {
  it.each([
    ['Completed', 'recovery-point', 'completed'],
    ['Deleted', 'gone', 'failed'],
    ['DeleteFailed', 'going', 'failed'],
    ['DeletionInProgress', 'going', 'failed'],
    ['DeletionPending', 'going', 'failed'],
    ['Failed', 'failed', 'failed'],
    ['InProgress', 'unfinished', undefined],
    ['Pending', 'unfinished', undefined],
    ['Stuck', 'failed', 'failed'],
    ['UploadingInProgress', 'unfinished', undefined],
    ['UploadPending', 'unfinished', undefined],
    ['Resting', 'unknown', 'failed'],
  ])('that says %s is %s, and waiting for it gives %s', (status, state, taken) => {
    const object = backup({ status, ...UPLOADED });
    expect(moskVerdict(object, new Set()).state).toBe(state);
    expect(moskTaken(object)).toBe(taken);
  });

  it.each<[string, JsonObject | undefined, JsonObject, readonly string[], string]>([
    ['says nothing yet', undefined, { parameters: REMOTE }, [], 'unfinished'],
    ['was never uploaded', { status: 'Completed', completedAt: 'x' }, {}, [], 'local-only'],
    ['has no parameters at all', { status: 'Completed', ...UPLOADED }, {}, [], 'local-only'],
    ['does not say that it was uploaded', { status: 'Completed' }, { parameters: REMOTE }, [], 'local-only'],
    ['went to NFS', { status: 'Completed', ...UPLOADED }, { parameters: { nfsUploadUrl: 'nfs://1.2.3.4:/b' } }, [], 'recovery-point'],
    [
      'has its key in the cluster alone',
      { status: 'Completed', ...UPLOADED },
      { parameters: { ...REMOTE, keyEncryptionKey: 'k' } },
      ['other'],
      'key-in-cluster',
    ],
    ['has its key among the sources', { status: 'Completed', ...UPLOADED }, { parameters: { ...REMOTE, keyEncryptionKey: 'k' } }, ['prod/k'], 'recovery-point'],
    ['has its key with custodians', { status: 'Completed', ...UPLOADED }, { parameters: { ...REMOTE, keyEncryptionKey: 'k' } }, ['k'], 'recovery-point'],
  ])('that %s', (...[, status, spec, kept, state]) => {
    expect(moskVerdict(backup(status, spec), new Set(kept)).state).toBe(state);
  });

  it('is deleted only once it says so, and not by being asked', () => {
    const asked = { parameters: REMOTE, delete: true };
    expect(moskDeletion(backup({ status: 'Completed' }))).toBe('not-asked');
    expect(moskDeletion(backup({ status: 'Completed' }, asked))).toBe('under-way');
    expect(moskDeletion(backup({ status: 'DeletionPending' }, asked))).toBe('under-way');
    expect(moskDeletion(backup({ status: 'DeleteFailed' }, asked))).toBe('failed');
    expect(moskDeletion(backup({ status: 'Stuck' }, asked))).toBe('failed');
    expect(moskDeletion(backup({ status: 'Deleted' }, asked))).toBe('deleted');
  });

  it('is not asked for under a name that is taken, or whose file would be written over', () => {
    const old = { ...backup({ status: 'Completed', ...UPLOADED }), metadata: { namespace: 'prod', name: 'old' } };
    expect(moskCollision('old', [old])).toContain('exists (Completed)');
    expect(moskCollision('nightly', [old])).toContain('keeps a file of that name');
    expect(moskCollision('night', [old])).toBeUndefined();
  });

  it('is made with what the plan says, and without when the Cluster object is to say it', () => {
    expect(moskBackup('a', { namespace: 'prod', upload: { nfsUploadUrl: 'nfs://1.2.3.4:/b', keyEncryptionKey: 'k' } }, 'east').spec).toEqual({
      targetCluster: 'east',
      parameters: { nfsUploadUrl: 'nfs://1.2.3.4:/b', keyEncryptionKey: 'k' },
    });
    expect(moskBackup('a', { namespace: 'prod' }, 'east').spec).toEqual({ targetCluster: 'east' });
  });
});
