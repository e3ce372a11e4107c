import { gzipSync } from 'node:zlib';
import { newSeal, sealKey } from '../../../src/backup/seal.ts';
import { resourceOf } from '../../../src/backup/velero-scope.ts';
import type { JsonObject, JsonValue } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import type { PlanBackup } from '../../../src/model/plan/backups.ts';
import { judgeBackup } from '../../../src/steps/recovery/judge-backup.ts';
import { NO_SEALS } from '../../../src/steps/recovery/seals.ts';
import { backupNames } from '../../../src/steps/recovery-points.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { tarOf } from '../../support/velero-tarball.ts';
import type { StepBench } from './step-harness.ts';

/** A backup as Velero leaves it in a bucket; `claims` are those with data. */
export interface StoredBackup {
  readonly name: string;
  readonly claims?: readonly string[];
  readonly listed?: readonly string[];
  readonly status?: JsonObject;
  readonly snapshotLocation?: string;
  /** What is in the tarball; without it, the tarball is none. */
  readonly objects?: readonly KubeObject[];
  /** LatticeClusters in it. */
  readonly clusters?: readonly string[];
  /** How its volumes were saved. */
  readonly method?: string;
  /** Store it lies in; `main` without. */
  readonly store?: string;
}

/** Backups whose completion times the names carry, in the prefix that the platform uses for store `main`. */
export function bucketWith(...backups: readonly StoredBackup[]): MemoryObjectStore {
  const bucket = new MemoryObjectStore('backups');
  for (const backup of backups) putBackup(bucket, backup);
  return bucket;
}

function putBackup(bucket: MemoryObjectStore, stored: StoredBackup): void {
  const { name, claims = ['shop/data'], listed = claims, status = {}, snapshotLocation, clusters, method, store = 'main', objects } = stored;
  const at = (key: string) => `lattice-${store}/backups/${name}/${key}`;
  const saved = method === undefined ? {} : { backupMethod: method };
  const info = claims.map((claim) => ({ pvcNamespace: claim.split('/')[0] ?? '', pvcName: claim.split('/')[1] ?? '', result: 'succeeded', ...saved }));
  const completionTimestamp = timeIn(name);
  const metadata = { metadata: { name }, spec: {}, status: { phase: 'Completed', completionTimestamp, expiration: '2026-12-31T00:00:00Z', ...status } };
  bucket.put(at('velero-backup.json'), JSON.stringify(metadata), completionTimestamp);
  bucket.put(at(`${name}.tar.gz`), objects === undefined ? tarballOf(listed, clusters) : tarballWith(objects), completionTimestamp);
  const owned = clusters === undefined ? {} : { 'lattice.dev/v1alpha1/LatticeCluster': [...clusters] };
  bucket.put(at(`${name}-resource-list.json.gz`), packed({ 'v1/PersistentVolumeClaim': [...listed], ...owned }), completionTimestamp);
  bucket.put(at(`${name}-volumeinfo.json.gz`), packed(info), completionTimestamp);
  bucket.put(
    at(`${name}-volumesnapshots.json.gz`),
    packed(snapshotLocation === undefined ? null : [{ spec: { location: snapshotLocation } }]),
    completionTimestamp,
  );
}

/** A tarball that holds these objects. */
export function tarballWith(objects: readonly KubeObject[]): Uint8Array {
  const files = objects.map((object) => {
    const { name, namespace } = object.metadata;
    const place = namespace === undefined ? 'cluster' : `namespaces/${namespace}`;
    return [`resources/${resourceOf(object)}/${place}/${name}.json`, JSON.stringify(object)] as const;
  });
  return tarOf({ 'metadata/version': '1.1.0\n', ...Object.fromEntries(files) });
}

function tarballOf(claims: readonly string[], clusters: readonly string[] = []): Uint8Array {
  const claim = (path: string) => {
    const [namespace, name] = path.split('/');
    return JSON.stringify({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { namespace, name }, spec: {} });
  };
  const files = claims.map((path) => [`resources/persistentvolumeclaims/namespaces/${path}.json`, claim(path)] as const);
  const own = clusters.map(
    (name) =>
      [`resources/latticeclusters.lattice.dev/cluster/${name}.json`, JSON.stringify({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster' })] as const,
  );
  return tarOf({ 'metadata/version': '1.1.0\n', ...Object.fromEntries([...files, ...own]) });
}

/** Seals every backup of a section that nothing speaks against, in the state of the bench's runs, as a person does once each is complete. */
export async function sealAll({ store, ports, clock }: StepBench, section: PlanBackup): Promise<void> {
  const { signal } = new AbortController();
  for (const name of await backupNames(ports, section, signal)) {
    const judged = await judgeBackup(ports, section, { name, now: clock.now(), seals: NO_SEALS, signal, read: 'bytes' });
    if (!judged.quick.usable) continue;
    const { completedAt } = judged.quick.point;
    const seal = newSeal({
      cluster: 'workload',
      store: section.store,
      backup: name,
      completedAt,
      sealedAt: completedAt,
      tool: '1.0.0',
      objects: judged.objects,
    });
    await store.putIfAbsent(sealKey({ cluster: 'workload', store: section.store, backup: name }), Buffer.from(JSON.stringify({ seal })));
  }
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
