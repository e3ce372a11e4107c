import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import type { FakeProgram } from '../../fakes/fake-processes.ts';
import { core, platformCluster, TARGET } from './objects.ts';
import { type CrashCase, StepBench } from './step-harness.ts';
import { bucketWith } from './velero-bucket.ts';

export const NAME = 'lattice-daily-20260301020000';
export const RESTORE = { apiVersion: 'velero.io/v1', kind: 'Restore' };
export const OF_BACKUP = { from: 'snapshot', store: 'main', backup: NAME, takenAt: '2026-03-01T02:00:00Z', minutesLost: 60, objectiveMinutes: 60 };
const SOURCES = ['shop/data', 'shop/more'].map((claim) => ({ claim, ...OF_BACKUP }));
export const INPUT = { target: TARGET, backups: [{ store: 'main', bucket: 'backups' }], sources: SOURCES };

export interface VolumeWorld extends CrashCase {
  readonly cluster: FakeKubeCluster;
}

export interface Behaviour {
  /** How Velero ends the first, second, … Restore; the last stays. `restarting`: never. */
  readonly ends?: readonly string[];
  /** What Velero says of a Restore that it refuses. */
  readonly refusal?: string;
  /** Volumes come, and nothing binds them. */
  readonly unbound?: boolean;
  /** What the plan's disk check does. */
  readonly disks?: FakeProgram;
}

export function volume(name: string, restore: string | undefined, rest: JsonObject = {}): KubeObject {
  const labels = restore === undefined ? {} : { 'velero.io/restore-name': restore };
  const spec = { hostPath: { path: `/disks/${name}` }, persistentVolumeReclaimPolicy: 'Delete' };
  return core('PersistentVolume', name, { metadata: { labels }, spec, status: { phase: 'Bound' }, ...rest });
}

export function claim(name: string, phase = 'Bound'): KubeObject {
  return core('PersistentVolumeClaim', `shop/${name}`, { spec: { volumeName: `pv-${name}` }, status: { phase } });
}

/** Volumes and claims of a Restore; a claim that is there on another volume is left alone. */
export function bringBack(cluster: FakeKubeCluster, restore: string, phase = 'Bound'): void {
  for (const name of ['data', 'more']) {
    const there = cluster.peek({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'shop', name });
    if (there !== undefined && there.spec?.['volumeName'] !== `pv-${name}`) continue;
    cluster.put(volume(`pv-${name}`, restore, { status: { phase: phase === 'Bound' ? 'Bound' : 'Available' } }));
    cluster.put(claim(name, phase));
  }
}

/** Velero: each new Restore ends as told; a completed one leaves volumes and claims with its label. */
export function world({ ends = ['Completed'], refusal, unbound = false, disks = '' }: Behaviour = {}): VolumeWorld {
  const cluster = platformCluster();
  const seen: string[] = [];
  cluster.react(RESTORE, (object) => {
    const { name } = object.metadata;
    if (object.status !== undefined || seen.includes(name)) return;
    seen.push(name);
    const phase = ends[Math.min(seen.length, ends.length) - 1] ?? 'Completed';
    if (phase === 'Completed') bringBack(cluster, name, unbound ? 'Pending' : 'Bound');
    const validationErrors = phase === 'FailedValidation' && refusal !== undefined ? { validationErrors: [refusal] } : {};
    if (phase !== 'restarting') cluster.put({ ...object, status: { phase, progress: { itemsRestored: 4, totalItems: 4 }, ...validationErrors } });
  });
  const bucket = bucketWith();
  const bench = new StepBench({ clusters: { 'new.yaml': cluster }, buckets: [bucket], programs: { disks } });
  return { bench, cluster, run: async () => bench.run('volumes/restore', INPUT), resume: async () => bench.resume() };
}

export function made(cluster: FakeKubeCluster, verb = 'create', kind = 'Restore'): readonly string[] {
  return cluster.requests.filter((request) => request.verb === verb && request.ref.kind === kind).map(({ ref }) => ref.name);
}
