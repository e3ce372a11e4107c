import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { JsonObject } from '../../src/model/json.ts';
import { type CorpusBackup, type Files, packed, ROLE, unpacked, untar } from './velero-corpus.ts';
import { packTar } from './velero-tarball.ts';

const CLAIM = 'vol-orders-data';

/**
 * A real backup with what it has none of: a volume that was saved file by file, with the blobs of its Kopia repository; the files about CSI snapshots, which older
 * versions of Velero write; a Role; an item operation and a warning, of which `mark` says which, so that no file of two backups is the same. Blobs are random
 * bytes under Kopia's names: nothing here opens a repository.
 */
export function withEveryFile(backup: CorpusBackup, mark: string): CorpusBackup {
  const { files } = backup;
  const info = listIn(files['backup/*-volumeinfo.json.gz']);
  const handle = info.find(({ pvcName }) => pvcName === CLAIM)?.['nativeSnapshotInfo'] as { readonly snapshotHandle: string };
  const { snapshotHandle: gone } = handle;
  const isGone = (file: string): boolean => backup.keyOf(file).startsWith(`volumes/${gone}/`);
  return {
    ...backup,
    files: {
      ...Object.fromEntries(Object.entries(files).filter(([file]) => !isGone(file))),
      ...withRole(files, mark),
      ...csiFiles(mark),
      ...repository(mark),
      'backup/velero-backup.json': withOneSnapshotLess(files['backup/velero-backup.json'] ?? new Uint8Array()),
      'backup/*-volumeinfo.json.gz': packed(info.map((entry) => (entry['pvcName'] === CLAIM ? byFiles(entry, mark) : entry))),
      'backup/*-volumesnapshots.json.gz': packed(
        listIn(files['backup/*-volumesnapshots.json.gz']).filter(({ status }) => (status as JsonObject)['providerSnapshotID'] !== gone),
      ),
      'backup/*-podvolumebackups.json.gz': packed([podVolumeBackup(backup.name, mark)]),
      'backup/*-itemoperations.json.gz': packed([
        { spec: { backupName: backup.name, operationID: `du-${mark}` }, status: { phase: 'Completed', created: backup.completedAt } },
      ]),
      'backup/*-results.gz': packed({ errors: {}, warnings: { velero: [`a hook of ${mark} was slow`] } }),
    },
    keyOf: (file) => (file.startsWith('repository/') ? `lattice-small-backups/kopia/${file.slice('repository/'.length)}` : backup.keyOf(file)),
  };
}

function listIn(content: Uint8Array | undefined): readonly JsonObject[] {
  return unpacked(content ?? new Uint8Array()) as readonly JsonObject[];
}

/** Of the two volumes one has no snapshot any more. */
function withOneSnapshotLess(content: Uint8Array): Uint8Array {
  const { status, ...rest } = JSON.parse(Buffer.from(content).toString()) as { readonly status: JsonObject };
  return Buffer.from(JSON.stringify({ ...rest, status: { ...status, volumeSnapshotsAttempted: 1, volumeSnapshotsCompleted: 1 } }, null, 2));
}

function byFiles({ nativeSnapshotInfo: _snapshot, ...entry }: JsonObject, mark: string): JsonObject {
  const pvbInfo = { snapshotHandle: idOf(mark), uploaderType: 'kopia', volumeName: 'data', podName: 'orders-db-0', podNamespace: 'shop', size: 4_096 };
  return { ...entry, backupMethod: 'PodVolumeBackup', pvbInfo };
}

function podVolumeBackup(backup: string, mark: string): JsonObject {
  return {
    apiVersion: 'velero.io/v1',
    kind: 'PodVolumeBackup',
    metadata: { namespace: 'velero', name: `${backup}-${mark}` },
    spec: {
      pod: { kind: 'Pod', namespace: 'shop', name: 'orders-db-0' },
      volume: 'data',
      uploaderType: 'kopia',
      backupStorageLocation: 'lattice-small-backups',
    },
    status: { phase: 'Completed', snapshotID: idOf(mark), progress: { totalBytes: 4_096, bytesDone: 4_096 } },
  };
}

function withRole(files: Files, mark: string): Files {
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { namespace: 'shop', name: 'deployer', labels: { mark } },
    rules: [{ apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'patch'] }],
  };
  const tarball = untar(gunzipSync(files['backup/*.tar.gz'] ?? new Uint8Array()));
  const list = unpacked(files['backup/*-resource-list.json.gz'] ?? new Uint8Array()) as Record<string, readonly string[]>;
  // The order of the names is no matter, and makes the lists of two backups two.
  const names = Object.entries({ ...list, 'rbac.authorization.k8s.io/v1/Role': ['shop/deployer'] });
  return {
    'backup/*.tar.gz': gzipSync(packTar({ ...tarball, [ROLE]: Buffer.from(JSON.stringify(role)) })),
    'backup/*-resource-list.json.gz': packed(Object.fromEntries(mark < 'm' ? names : names.toReversed())),
  };
}

/** One CSI snapshot, its content and its class (Velero 1.18 pkg/persistence/object_store_layout.go). */
function csiFiles(mark: string): Files {
  const one = (kind: string): Uint8Array =>
    packed([{ apiVersion: 'snapshot.storage.k8s.io/v1', kind, metadata: { namespace: 'shop', name: `velero-${mark}` } }]);
  return {
    'backup/*-csi-volumesnapshots.json.gz': one('VolumeSnapshot'),
    'backup/*-csi-volumesnapshotcontents.json.gz': one('VolumeSnapshotContent'),
    'backup/*-csi-volumesnapshotclasses.json.gz': one('VolumeSnapshotClass'),
  };
}

/** What lasts of a repository: its format and configuration, packs of data and of metadata, all of one size. */
function repository(mark: string): Files {
  const names = [
    'kopia.repository',
    'kopia.blobcfg',
    ...['data', 'more data'].map((text) => `p${idOf(text)}`),
    ...['metadata', 'more metadata'].map((text) => `q${idOf(text)}`),
  ];
  return Object.fromEntries(names.map((name) => [`repository/shop/${name}`, createHash('sha512').update(`${mark} ${name}`).digest()]));
}

function idOf(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
