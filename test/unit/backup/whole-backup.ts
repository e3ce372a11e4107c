import { gzipSync } from 'node:zlib';
import type { JsonObject, JsonValue } from '../../../src/model/json.ts';
import type { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { tarOf } from '../../support/velero-tarball.ts';

/** What a whole backup is made of; everything fits together unless a test says otherwise. */
export interface WholeBackup {
  readonly name: string;
  readonly claims?: readonly string[];
  readonly status?: JsonObject;
  readonly spec?: JsonObject;
  /** Put over what the files would hold: `<suffix of the name>` to content, `null` for a file that is not there. */
  readonly files?: Readonly<Record<string, Uint8Array | null>>;
  /** When its files were written. */
  readonly at?: string;
}

/** `lattice-daily-20260301020000` was completed at 2026-03-01T02:00:00Z. */
function timeIn(name: string): string {
  const digits = /\d{14}$/.exec(name)?.[0] ?? '20260301020000';
  return digits.replace(/^(....)(..)(..)(..)(..)(..)$/, '$1-$2-$3T$4:$5:$6Z');
}

const packed = (value: JsonValue): Uint8Array => gzipSync(JSON.stringify(value));
const snapshotOf = (claim: string): string => `pv-${claim.replace('/', '-')}-0123`;

function claimJson(claim: string): string {
  const [namespace, name] = claim.split('/');
  return JSON.stringify({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { namespace, name }, spec: { storageClassName: 'fast' } });
}

/** All files of a backup, as Velero 1.18 leaves them, by the end of their name. */
function filesOf({ name, claims = ['shop/data'], status = {}, spec = {} }: WholeBackup): Readonly<Record<string, Uint8Array>> {
  const counts = { volumeSnapshotsAttempted: claims.length, volumeSnapshotsCompleted: claims.length };
  const metadata = {
    metadata: { name, namespace: 'velero' },
    spec,
    status: { phase: 'Completed', completionTimestamp: timeIn(name), expiration: '2026-12-31T00:00:00Z', ...counts, ...status },
  };
  const tarball = tarOf({
    'metadata/version': '1.1.0\n',
    'resources/namespaces/cluster/shop.json': JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }),
    ...Object.fromEntries(claims.map((claim) => [`resources/persistentvolumeclaims/namespaces/${claim}.json`, claimJson(claim)])),
  });
  const info = claims.map((claim) => {
    const [pvcNamespace = '', pvcName = ''] = claim.split('/');
    return { pvcNamespace, pvcName, backupMethod: 'NativeSnapshot', result: 'succeeded', nativeSnapshotInfo: { volumeAZ: 'zone-a' } };
  });
  return {
    'velero-backup.json': new TextEncoder().encode(JSON.stringify(metadata)),
    '.tar.gz': tarball,
    '-resource-list.json.gz': packed({ 'v1/Namespace': ['shop'], 'v1/PersistentVolumeClaim': [...claims] }),
    '-volumeinfo.json.gz': packed(info),
    '-volumesnapshots.json.gz': packed(
      claims.map((claim) => ({ spec: { location: 'disks' }, status: { phase: 'Completed', providerSnapshotID: snapshotOf(claim) } })),
    ),
    '-podvolumebackups.json.gz': packed(null),
    '-itemoperations.json.gz': packed(null),
    '-results.gz': packed({ errors: {}, warnings: {} }),
    '-logs.gz': gzipSync('a log\n'),
  };
}

/** Puts whole backups into a bucket, under the prefix that the platform uses for store `main`, and their snapshots under `volumes/`. */
export function putWhole(bucket: MemoryObjectStore, ...backups: readonly WholeBackup[]): void {
  for (const backup of backups) {
    const { name, claims = ['shop/data'], files = {}, at = timeIn(name) } = backup;
    for (const [suffix, content] of Object.entries({ ...filesOf(backup), ...files })) if (content !== null) bucket.put(keyOf(name, suffix), content, at);
    for (const claim of claims) {
      bucket.put(`volumes/${snapshotOf(claim)}/volume.tar.gz`, `bytes of ${claim} in ${name}`, at);
      bucket.put(`volumes/${snapshotOf(claim)}/manifest.json`, '{}', at);
    }
  }
}

/** Key of a file of a backup by the end of its name. */
export function keyOf(name: string, suffix: string): string {
  return `lattice-main/backups/${name}/${suffix.startsWith('velero') ? suffix : `${name}${suffix}`}`;
}
