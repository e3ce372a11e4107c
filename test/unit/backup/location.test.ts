import { describe, expect, it } from 'vitest';
import { credentialSecretOf, introducedBackup, readOnlyLocation } from '../../../src/backup/location.ts';
import { backupKeys, backupsPrefix, locationName, restoreResultsKey, scheduleName } from '../../../src/backup/velero-layout.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';

function store(storage: JsonObject, rest: JsonObject = {}): KubeObject {
  return { apiVersion: 'lattice.dev/v1alpha1', kind: 'BackupStore', metadata: { name: 'main', namespace: 'lattice-system' }, spec: { storage, ...rest } };
}

describe('the location of a BackupStore', () => {
  it('is ReadOnly and in the prefix of the platform', () => {
    const location = readOnlyLocation(store({ provider: 's3', cloudProviderRef: 'aws', s3: { bucket: 'backups', region: 'us-east-1' } }));
    expect(location.metadata).toEqual({ name: 'lattice-main', namespace: 'velero' });
    expect(location.spec).toEqual({
      provider: 'aws',
      accessMode: 'ReadOnly',
      default: false,
      config: { region: 'us-east-1' },
      objectStorage: { bucket: 'backups', prefix: 'lattice-main' },
      credential: { name: 'velero-credentials-aws', key: 'cloud' },
    });
  });

  it('has path style for another server than AWS, and no credential without a provider', () => {
    const { spec } = readOnlyLocation(store({ s3: { bucket: 'b', endpoint: 'https://s3.example.com' } }, { default: true }));
    expect(spec).toMatchObject({ default: true, config: { s3Url: 'https://s3.example.com', s3ForcePathStyle: 'true' } });
    expect(spec).not.toHaveProperty('credential');
    expect(credentialSecretOf(store({}))).toBeUndefined();
  });
});

describe('a backup made known to another cluster', () => {
  const stored = {
    metadata: {
      name: 'b1',
      namespace: 'old',
      uid: 'u',
      resourceVersion: '7',
      managedFields: [],
      ownerReferences: [],
      labels: { keep: 'me' },
      annotations: { also: 'me' },
    },
    spec: { storageLocation: 'old-location', ttl: '720h' },
    status: { phase: 'Completed' },
  };

  it('is bound to the location there, without what belongs to the old server', () => {
    expect(introducedBackup(stored, 'lattice-main')).toEqual({
      apiVersion: 'velero.io/v1',
      kind: 'Backup',
      metadata: { name: 'b1', namespace: 'velero', labels: { keep: 'me', 'velero.io/storage-location': 'lattice-main' }, annotations: { also: 'me' } },
      spec: { storageLocation: 'lattice-main', ttl: '720h' },
      status: { phase: 'Completed' },
    });
  });

  it('has no annotations when the stored one had none', () => {
    const { annotations: _none, ...metadata } = stored.metadata;
    expect(introducedBackup({ ...stored, metadata }, 'lattice-main').metadata).not.toHaveProperty('annotations');
  });
});

describe('keys in a Velero bucket', () => {
  it('of a backup', () => {
    expect(backupKeys('lattice-main', 'b1')).toEqual({
      directory: 'lattice-main/backups/b1/',
      metadata: 'lattice-main/backups/b1/velero-backup.json',
      tarball: 'lattice-main/backups/b1/b1.tar.gz',
      resourceList: 'lattice-main/backups/b1/b1-resource-list.json.gz',
      volumeInfo: 'lattice-main/backups/b1/b1-volumeinfo.json.gz',
      volumeSnapshots: 'lattice-main/backups/b1/b1-volumesnapshots.json.gz',
      itemOperations: 'lattice-main/backups/b1/b1-itemoperations.json.gz',
      podVolumeBackups: 'lattice-main/backups/b1/b1-podvolumebackups.json.gz',
      results: 'lattice-main/backups/b1/b1-results.gz',
    });
  });

  it.each([[undefined], ['']])('of a bucket without a prefix (%s)', (prefix) => {
    expect(backupsPrefix(prefix)).toBe('backups/');
    expect(restoreResultsKey(prefix, 'r1')).toBe('restores/r1/restore-r1-results.gz');
  });

  it('names of the platform', () => {
    expect([scheduleName('daily'), locationName('main')]).toEqual(['lattice-daily', 'lattice-main']);
  });
});
