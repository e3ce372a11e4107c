import { z } from 'zod';
import { credentialSecretOf, introducedBackup, LOCATION_TYPE, VELERO_API, VELERO_NAMESPACE } from '../../backup/location.ts';
import { locationName } from '../../backup/velero-layout.ts';
import { DEFAULT_RETRY, type Observation, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import type { KubeObject, ObjectRef } from '../../model/kube-object.ts';
import { planBackup } from '../../model/plan/backups.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { planSpecs } from '../../model/plan/specs.ts';
import { specEdits } from '../../model/resolution.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { defineStep } from '../define-step.ts';
import { loadDesired } from '../desired-state.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { assertAllUnchanged } from '../recovery/contents.ts';
import { readBackupMetadata } from '../recovery-points.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';
import { withLimit } from '../wait.ts';
import { desiredStores, locationRef } from './backup-stores.ts';
import { holdLocations, isReadOnly, writableLocations } from './hold-locations.ts';
import { type ChosenRecoveryPoint, recoveryPointSchema } from './recovery-point-schema.ts';

const withSchema = z.object({
  target: targetSchema,
  cluster: planCluster,
  specs: planSpecs,
  commit: z.string(),
  edits: specEdits,
  backups: z.array(planBackup),
  recoveryPoints: z.array(recoveryPointSchema),
});
type W = z.output<typeof withSchema>;
type Ctx = ReadContext<W, StepPorts>;
type WriteCtx = StepContext<W, StepPorts>;

/** Velero validates each minute and syncs each minute by default; a foreign backup took up to 33 s to appear with a 10 s period (Velero 1.18.3, measured). */
const SYNC_LIMIT_MS = 5 * 60_000;

const SNAPSHOT_LOCATION = { apiVersion: VELERO_API, kind: 'VolumeSnapshotLocation' } as const;

function backupRef(name: string): ObjectRef {
  return { apiVersion: VELERO_API, kind: 'Backup', namespace: VELERO_NAMESPACE, name };
}

function isUsable(location: KubeObject | undefined): boolean {
  return isReadOnly(location) && location?.status?.['phase'] === 'Available';
}

/** Snapshot locations that the backup's volumes are in and the cluster does not have. */
async function missingSnapshotLocations(cluster: KubeCluster, point: ChosenRecoveryPoint, signal: AbortSignal): Promise<readonly string[]> {
  const found = await Promise.all(point.snapshotLocations.map((name) => cluster.get({ ...SNAPSHOT_LOCATION, namespace: VELERO_NAMESPACE, name }, signal)));
  return point.snapshotLocations.filter((_, index) => found[index] === undefined);
}

async function observeAttached(ctx: Ctx): Promise<Observation<Record<string, never>>> {
  const cluster = await openTarget(ctx);
  const seen = await Promise.all(
    ctx.with.recoveryPoints.map(async (point) => {
      const [location, backup, missing] = await Promise.all([
        cluster.get(locationRef(point.store), ctx.signal),
        cluster.get(backupRef(point.name), ctx.signal),
        missingSnapshotLocations(cluster, point, ctx.signal),
      ]);
      return {
        store: point.store,
        missingSnapshotLocations: missing,
        backup: point.name,
        available: isUsable(location),
        synced: backup?.status?.['phase'] === 'Completed',
        message: String(location?.status?.['message'] ?? ''),
      };
    }),
  );
  const writable = await writableLocations(cluster, ctx);
  const evidence = { locations: seen, notReadOnly: [...writable] };
  if (writable.length === 0 && seen.every(({ available, synced, missingSnapshotLocations: missing }) => available && synced && missing.length === 0))
    return { state: 'present', outputs: {}, evidence };
  return { state: 'absent', evidence };
}

async function storeObject(ctx: Ctx, name: string): Promise<KubeObject> {
  const store = desiredStores(await loadDesired(ctx)).find(({ metadata }) => metadata.name === name);
  if (store !== undefined) return store;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `the plan's backups name store '${name}', but the specs at ${ctx.with.commit} have no BackupStore of that name`,
  });
}

/** Refuses to go on without the credentials Secret: the location would be Unavailable and say only that. */
async function requireCredentials(cluster: KubeCluster, store: KubeObject, signal: AbortSignal): Promise<void> {
  const name = credentialSecretOf(store);
  if (name === undefined) return;
  const secret = await cluster.get({ apiVersion: 'v1', kind: 'Secret', namespace: VELERO_NAMESPACE, name }, signal);
  if (secret !== undefined) return;
  throw new DrError({
    code: 'SECRET_SOURCE_MISSING',
    message: `BackupStore '${store.metadata.name}' needs Secret ${VELERO_NAMESPACE}/${name}, which nothing in the platform creates and no source of the plan holds`,
    suggestions: [`add ${VELERO_NAMESPACE}/${name} (key cloud, AWS shared-credentials form) to a source under spec.secrets, then resume`],
  });
}

/**
 * Velero checks a server by the authorities of its own image and by `caCert` (velero 1.18 `pkg/apis/velero/v1/backupstoragelocation_types.go`); a BackupStore has
 * no field for one, so the platform's controller leaves ours alone.
 */
async function trustAuthorities(cluster: KubeCluster, ctx: WriteCtx): Promise<void> {
  for (const { store, ca } of ctx.with.backups) {
    const ref = locationRef(store);
    if (ca === undefined || (await cluster.get(ref, ctx.signal)) === undefined) continue;
    const caCert = Buffer.from((await ctx.ports.secretFiles.read(ca)).reveal()).toString('base64');
    await cluster.mergePatch(ref, { spec: { objectStorage: { caCert } } }, { fieldManager: FIELD_MANAGER, signal: ctx.signal });
  }
}

/** Velero resolves a snapshot location by name on the cluster it restores to; without it PVCs are created and stay Pending (Velero 1.18.3, seen). */
async function attachSnapshotLocations(cluster: KubeCluster, ctx: WriteCtx): Promise<void> {
  for (const point of ctx.with.recoveryPoints) {
    const section = ctx.with.backups.find((candidate) => candidate.store === point.store)?.volumeSnapshotLocation;
    if (section === undefined) continue;
    for (const name of point.snapshotLocations) {
      const metadata = { name, namespace: VELERO_NAMESPACE };
      const object = { ...SNAPSHOT_LOCATION, metadata, spec: { provider: section.provider, config: section.config } };
      await cluster.apply(object, { fieldManager: FIELD_MANAGER, force: true, signal: ctx.signal });
    }
  }
}

/**
 * Makes a backup known to Velero as its own sync would: the object from `velero-backup.json`, bound to the location. Velero looks for foreign backups once
 * a minute, whatever its sync period says (Velero 1.18 backup_sync_controller.go, backupSyncReconcilePeriod): up to 60 s of every recovery.
 */
async function introduceBackup(cluster: KubeCluster, point: ChosenRecoveryPoint, ctx: WriteCtx): Promise<void> {
  if ((await cluster.get(backupRef(point.name), ctx.signal)) !== undefined) return;
  const section = ctx.with.backups.find((candidate) => candidate.store === point.store);
  const stored = section === undefined ? undefined : await readBackupMetadata(ctx.ports, section, { name: point.name, signal: ctx.signal });
  if (stored === undefined) return; // Velero's own sync then brings it, or the wait below says what is missing.
  try {
    await cluster.create(introducedBackup(stored, locationName(point.store)), { fieldManager: FIELD_MANAGER, signal: ctx.signal });
  } catch (error) {
    if (!isDrError(error, 'KUBE_CONFLICT')) throw error; // Velero was faster.
  }
}

async function waitUntilSynced(cluster: KubeCluster, ctx: WriteCtx): Promise<void> {
  await using locations = await cluster.live(LOCATION_TYPE, { namespace: VELERO_NAMESPACE });
  await using backups = await cluster.live({ apiVersion: VELERO_API, kind: 'Backup' }, { namespace: VELERO_NAMESPACE });
  const named = (objects: ReadonlyMap<string, KubeObject>, name: string) => [...objects.values()].find((object) => object.metadata.name === name);
  await withLimit(ctx, SYNC_LIMIT_MS, {
    work: async (signal) => {
      for (const point of ctx.with.recoveryPoints) {
        ctx.progress({ message: `waiting for Velero to validate ${locationName(point.store)} and to see ${point.name}` });
        await locations.until((objects) => (isUsable(named(objects, locationName(point.store))) ? true : undefined), signal);
        await introduceBackup(cluster, point, { ...ctx, signal });
        await backups.until((objects) => (named(objects, point.name)?.status?.['phase'] === 'Completed' ? true : undefined), signal);
      }
    },
    late: async () => {
      const seen = await observeAttached(ctx);
      return new DrError({
        code: 'BACKUP_LOCATION_UNAVAILABLE',
        message: `Velero did not validate its location and sync the backups within ${SYNC_LIMIT_MS / 60_000} min: ${JSON.stringify(seen.evidence)}`,
        suggestions: ['check the credentials Secret, the endpoint and the way from the cluster to the bucket, then resume'],
      });
    },
  });
}

/**
 * Makes the backups of the lost cluster visible on the new one, read-only: locations of all its stores, snapshot locations, and Velero's own sync of the
 * recovery points.
 */
export const backupAttach = defineStep({
  kind: 'backup/attach',
  version: 2,
  summary: 'attaches the backup stores read-only and waits until Velero sees the recovery points',
  verifies: 'reads that each location is Available and ReadOnly and each chosen backup Completed',
  byHand: [
    '`kubectl -n velero get secret velero-credentials-PROVIDER`: nothing in the platform creates it',
    '`kubectl apply -f location.yaml`: BackupStorageLocation lattice-STORE with accessMode: ReadOnly from its first instant',
    '`kubectl apply -f snapshot-location.yaml`: VolumeSnapshotLocation of the name that the backup was taken with',
    '`kubectl -n velero get backupstoragelocations,backups`: wait up to 2 minutes for the sync',
  ],
  with: withSchema,
  outputs: z.object({}),
  risk: 'reversible',
  safety: true,
  timeoutMs: 15 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  whenChanged: 'again',
  observe: observeAttached,
  async plan(ctx) {
    return desiredStores(await loadDesired(ctx)).map(({ metadata: { name } }) => ({
      verb: 'create' as const,
      subject: `BackupStorageLocation ${VELERO_NAMESPACE}/${locationName(name)}`,
      diffs: [{ path: 'spec.accessMode', to: 'ReadOnly' }],
    }));
  },
  async execute(ctx) {
    const cluster = await openTarget(ctx);
    // Since the confirmation, whoever can write the bucket could; Velero would restore what it finds.
    await assertAllUnchanged(ctx.ports, ctx.with.backups, { points: ctx.with.recoveryPoints, signal: ctx.signal });
    for (const point of ctx.with.recoveryPoints) await requireCredentials(cluster, await storeObject(ctx, point.store), ctx.signal);
    await holdLocations(cluster, ctx);
    await trustAuthorities(cluster, ctx);
    await attachSnapshotLocations(cluster, ctx);
    await waitUntilSynced(cluster, ctx);
  },
  async verify(ctx) {
    const seen = await observeAttached(ctx);
    return seen.state === 'present'
      ? { ok: true, outputs: {}, evidence: seen.evidence }
      : { ok: false, reason: 'a location is not Available and ReadOnly, or a backup is not synced', evidence: seen.evidence };
  },
});
