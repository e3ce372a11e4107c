import { gzipSync } from 'node:zlib';
import type { JsonObject, JsonValue } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { veleroTarball } from '../../support/tarball.ts';

/** A backup as Velero leaves it in a bucket; `claims` are those with data. */
export interface StoredBackup {
  readonly name: string;
  readonly claims?: readonly string[];
  readonly listed?: readonly string[];
  readonly status?: JsonObject;
  readonly snapshotLocation?: string;
  /** What is in the tarball; without it, the tarball is none. */
  readonly objects?: readonly KubeObject[];
}

/** Backups whose completion times the names carry, in the prefix that the platform uses for store `main`. */
export function bucketWith(...backups: readonly StoredBackup[]): MemoryObjectStore {
  const bucket = new MemoryObjectStore('backups');
  for (const backup of backups) putBackup(bucket, backup);
  return bucket;
}

function putBackup(bucket: MemoryObjectStore, { name, claims = ['shop/data'], listed = claims, status = {}, snapshotLocation, objects }: StoredBackup): void {
  const at = (key: string) => `lattice-main/backups/${name}/${key}`;
  const info = claims.map((claim) => ({ pvcNamespace: claim.split('/')[0] ?? '', pvcName: claim.split('/')[1] ?? '', result: 'succeeded' }));
  const completionTimestamp = timeIn(name);
  const metadata = { metadata: { name }, spec: {}, status: { phase: 'Completed', completionTimestamp, expiration: '2026-12-31T00:00:00Z', ...status } };
  bucket.put(at('velero-backup.json'), JSON.stringify(metadata));
  bucket.put(at(`${name}.tar.gz`), objects === undefined ? 'tarball' : veleroTarball(objects));
  bucket.put(at(`${name}-resource-list.json.gz`), packed({ 'v1/PersistentVolumeClaim': [...listed] }));
  bucket.put(at(`${name}-volumeinfo.json.gz`), packed(info));
  bucket.put(at(`${name}-volumesnapshots.json.gz`), packed(snapshotLocation === undefined ? null : [{ spec: { location: snapshotLocation } }]));
}

/** Gzip of JSON. */
export function packed(value: JsonValue): Uint8Array {
  return gzipSync(JSON.stringify(value));
}

/** `lattice-daily-20260301020000` was completed at 2026-03-01T02:00:00Z. */
function timeIn(name: string): string {
  const digits = /\d{14}$/.exec(name)?.[0] ?? '20260101000000';
  return digits.replace(/^(....)(..)(..)(..)(..)(..)$/, '$1-$2-$3T$4:$5:$6Z');
}
