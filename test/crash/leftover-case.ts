import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { isRunId } from '../../src/model/ids.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject, ObjectRef } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { carrierRef, MOVER_TYPE, POD_TYPE } from '../../src/steps/volumes/carrier.ts';
import { recoveryRef } from '../../src/steps/volumes/recovery-pod.ts';
import { restoreName } from '../../src/steps/volumes/velero-restore.ts';
import type { RebuildWorld } from '../support/rebuild-world.ts';
import { describeWrite, writesOf } from '../support/written.ts';
import { type EffectCase, existingCluster, type Stage } from './effect-case.ts';

const VELERO = 'velero.io/v1';
/** Claims of the small world's databases. */
const CLAIMS = { orders: 'shop/vol-orders-data', stock: 'shop/stock-db-data' } as const;
const CLAIM = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' } as const;
const options = () => ({ fieldManager: 'test', signal: AbortSignal.timeout(60_000) });

/** The database whose volume is in a snapshot; the other's is in a file-system backup. */
const SNAPSHOTTED = 'stock';

/** The small world has two databases; each kill takes the volume of one. */
function databaseOf({ name }: Stage): 'orders' | 'stock' {
  return name.endsWith('before') ? 'orders' : 'stock';
}

async function listed(kube: KubeCluster, type: { readonly apiVersion: string; readonly kind: string }): Promise<readonly KubeObject[]> {
  return (await kube.list(type, options())) ?? [];
}

async function claimOf(kube: KubeCluster, database: string): Promise<KubeObject | undefined> {
  return (await listed(kube, CLAIM)).find(({ metadata }) => metadata.name.includes(database));
}

/** Takes a database and its volume off the cluster, as a person does who wants the volume back as it was. */
async function loseVolume(kube: KubeCluster, database: string): Promise<string> {
  const claim = await claimOf(kube, database);
  if (claim === undefined) throw new Error(`there is no claim of ${database}`);
  const { name, namespace = '' } = claim.metadata;
  await kube.delete({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace, name: `${database}-db` }, options());
  await kube.delete({ ...CLAIM, namespace, name }, options());
  for (const until = performance.now() + 60_000; performance.now() < until; await sleep(200)) {
    if ((await claimOf(kube, database)) !== undefined) continue;
    // One that a run has restored outlives its claim.
    await kube.delete({ apiVersion: 'v1', kind: 'PersistentVolume', name: String(claim.spec?.['volumeName']) }, options());
    return `${namespace}/${name}`;
  }
  throw new Error(`claim ${namespace}/${name} is still there after a minute`);
}

/** What a failed try of this run would have left: a Restore that Velero refuses, and what `leave` makes with its label. */
async function plantFailedTry({ name, world }: Stage, leave: (kube: KubeCluster, labels: Readonly<Record<string, string>>) => Promise<unknown>): Promise<void> {
  await using kube = await world.open();
  const runs = (await readdir(join(world.paths.runs, 'runs'))).filter((id) => id.startsWith(`${name}-`));
  const [run] = runs;
  if (run === undefined || !isRunId(run)) throw new Error(`there is no run of ${name}`);
  const backup = await backupName(kube);
  const failed = restoreName(run, backup, 1);
  await kube.create(
    {
      apiVersion: VELERO,
      kind: 'Restore',
      metadata: { name: failed, namespace: 'velero', labels: { 'dr.lattice.dev/run': run } },
      // A backup or a schedule, not both: ends FailedValidation.
      spec: { backupName: backup, scheduleName: 'any' },
    },
    options(),
  );
  await leave(kube, { 'velero.io/restore-name': failed });
  await using restores = await kube.live({ apiVersion: VELERO, kind: 'Restore' });
  await restores.until(
    (found) => ([...found.values()].some(({ metadata, status }) => metadata.name === failed && status?.['phase'] === 'FailedValidation') ? true : undefined),
    AbortSignal.timeout(60_000),
  );
}

async function backupName(kube: KubeCluster): Promise<string> {
  const backup = (await listed(kube, { apiVersion: VELERO, kind: 'Backup' })).find(({ status }) => status?.['phase'] === 'Completed');
  if (backup === undefined) throw new Error('there is no completed backup');
  return backup.metadata.name;
}

async function backupsOf(world: RebuildWorld): Promise<readonly JsonObject[]> {
  const { spec } = parse(await readFile(world.paths.plan, 'utf8')) as { readonly spec: { readonly backups: readonly JsonObject[] } };
  return spec.backups;
}

/** A run that has one lost volume to bring back. It is killed before it has tried, so that a failed try can be put there. */
function restoreCase(
  effect: string,
  rest: Pick<EffectCase, 'oneAtATime' | 'times'> & {
    readonly leave: (stage: Stage, ...planted: Parameters<Parameters<typeof plantFailedTry>[1]>) => Promise<unknown>;
    readonly from?: JsonObject;
  },
): EffectCase {
  const { leave, from, ...other } = rest;
  return {
    ...other,
    effect: `volumes/restore ${effect}`,
    // A restore brings back every volume of the backup that is missing, also the other side's.
    sidesApart: true,
    step: 'volumes',
    steps: async (stage) => await restoreSteps(stage, from),
    plan: async (stage) => ({ cluster: await existingCluster(stage), backups: await backupsOf(stage.world) }),
    prepare: async (stage) => {
      await stage.killAt('rebuild', 'after|step-started|volumes');
      await plantFailedTry(stage, async (...planted) => await leave(stage, ...planted));
      return 'resume';
    },
  };
}

async function restoreSteps(stage: Stage, from?: JsonObject): Promise<readonly JsonObject[]> {
  await using kube = await stage.world.open();
  const claim = await loseVolume(kube, from === undefined ? SNAPSHOTTED : databaseOf(stage));
  const [section] = await backupsOf(stage.world);
  const backup = { store: section?.['store'] ?? '', backup: await backupName(kube), takenAt: new Date().toISOString() };
  const source = { claim, ...(from ?? { from: 'snapshot' }), ...backup, minutesLost: 0, objectiveMinutes: 60 };
  const specs = { cluster: '${{ plan.cluster }}', specs: '${{ plan.specs }}', commit: '${{ inputs.commit }}' };
  const target = '${{ steps.provision.outputs }}';
  return [
    { id: 'provision', uses: 'cluster/provision', with: specs },
    { id: 'volumes', uses: 'volumes/restore', needs: ['provision'], with: { target, backups: '${{ plan.backups }}', sources: [source] } },
  ];
}

async function deletesOf({ world }: Stage, subject: string): Promise<number> {
  const writes = await writesOf((await world.instance()).auditLogPath);
  return writes.filter((write) => describeWrite(write) === `delete ${subject}`).length;
}

/** The volume object that a failed restore left is removed before the next try. */
export const leftoverCase = restoreCase('delete-leftover-volume', {
  leave: async ({ name, world }, kube, labels) => {
    const spec = { capacity: { storage: '1Mi' }, accessModes: ['ReadWriteOnce'], persistentVolumeReclaimPolicy: 'Retain', storageClassName: 'left' };
    const hostPath = { path: join(world.directory, `left-${name}`) };
    await kube.create({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: `left-${name}`, labels }, spec: { ...spec, hostPath } }, options());
  },
  times: async (stage) => await deletesOf(stage, `persistentvolumes left-${stage.name}`),
});

/** How often a claim had been deleted when a failed try was planted: the tests themselves delete it to lose its volume. */
const lostBefore = new Map<string, number>();

/** The claim that a failed restore made and did not fill is removed before the next try: Velero would leave it as it is. */
export const incompleteCase = restoreCase('delete-incomplete-claim', {
  oneAtATime: true,
  leave: async (stage, kube, labels) => {
    const place = CLAIMS[SNAPSHOTTED];
    const [namespace = '', name = ''] = place.split('/');
    lostBefore.set(stage.name, await deletesOf(stage, `persistentvolumeclaims ${place}`));
    const spec = { accessModes: ['ReadWriteOnce'], storageClassName: '', volumeName: `missing-${stage.name}`, resources: { requests: { storage: '1Mi' } } };
    await kube.create({ ...CLAIM, metadata: { namespace, name, labels }, spec }, options());
  },
  times: async (stage) => (await deletesOf(stage, `persistentvolumeclaims ${CLAIMS[SNAPSHOTTED]}`)) - (lostBefore.get(stage.name) ?? 0),
});

/** The pod that held a claim while its files came back is removed once they have: all of that is planted, with the carrier as it was left. */
export const carrierCase = restoreCase('delete-carrier-pod', {
  oneAtATime: true,
  from: { from: 'fs-backup', files: { snapshot: 'planted', uploader: 'kopia', volume: 'data' } },
  leave: async (stage, kube, labels) => {
    const place = CLAIMS[databaseOf(stage)];
    const [namespace = '', name = ''] = place.split('/');
    const run = (await kube.list({ apiVersion: VELERO, kind: 'Restore' }, options()))?.find(
      ({ metadata }) => metadata.name === labels['velero.io/restore-name'],
    );
    const runLabel = { 'dr.lattice.dev/run': run?.metadata.labels?.['dr.lattice.dev/run'] ?? '' };
    const spec = { accessModes: ['ReadWriteOnce'], storageClassName: 'lab-local', resources: { requests: { storage: '1Mi' } } };
    const claim = await kube.create({ ...CLAIM, metadata: { namespace, name, labels }, spec }, options());
    const containers = [{ name: 'carrier', image: 'carrier' }];
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: name } }];
    await kube.create({ ...POD_TYPE, metadata: { ...metadataOf(carrierRef(place)), labels: runLabel }, spec: { containers, volumes } }, options());
    const ref = { ...MOVER_TYPE, namespace: 'velero', name: `planted-${stage.name}` };
    const moverLabels = { ...runLabel, 'velero.io/pvc-uid': claim.metadata.uid ?? '' };
    const pod = { kind: 'Pod', namespace, name: carrierRef(place).name };
    const mover = {
      pod,
      volume: 'data',
      snapshotID: 'planted',
      uploaderType: 'kopia',
      backupStorageLocation: 'none',
      repoIdentifier: '',
      sourceNamespace: namespace,
    };
    // Its status is part of it: the type has no subresource (Velero 1.18 config/crd).
    await kube.create({ ...MOVER_TYPE, metadata: { ...metadataOf(ref), labels: moverLabels }, spec: mover, status: { phase: 'Completed' } }, options());
  },
  times: async (stage) =>
    await deletesOf(stage, `pods ${metadataOf(carrierRef(CLAIMS[databaseOf(stage)])).namespace}/${carrierRef(CLAIMS[databaseOf(stage)]).name}`),
});

/** Pods that bring the data of a claim into order, by stage. */
const recovering = new Map<string, string>();

/** The pod that has brought the data of a claim into order is removed before its application could want the claim. */
export const recoveryCase: EffectCase = {
  effect: 'volumes/recover delete-recovery-pod',
  oneAtATime: true,
  step: 'recover',
  steps: async (stage) => {
    await using kube = await stage.world.open();
    const claim = CLAIMS[databaseOf(stage)];
    const claimUid = (await claimOf(kube, databaseOf(stage)))?.metadata.uid ?? '';
    recovering.set(stage.name, `${claim.split('/')[0] ?? ''}/${recoveryRef({ claim, claimUid }, 'recover').name}`);
    const source = { claim, from: 'snapshot', minutesLost: 0, objectiveMinutes: 60 };
    const recovery = { image: 'registry.lab.test/shop/db:1.0.0', command: ['lab-app', 'recover'] };
    const specs = { cluster: '${{ plan.cluster }}', specs: '${{ plan.specs }}', commit: '${{ inputs.commit }}' };
    const input = { target: '${{ steps.provision.outputs }}', sources: [source], volumes: { claims: [{ pvc: claim, recovery }] } };
    return [
      { id: 'provision', uses: 'cluster/provision', with: specs },
      { id: 'recover', uses: 'volumes/recover', needs: ['provision'], with: input },
    ];
  },
  plan: async (stage) => ({ cluster: await existingCluster(stage) }),
  times: async (stage) => await deletesOf(stage, `pods ${recovering.get(stage.name) ?? ''}`),
};

/** Volumes that make room, by stage. */
const making = new Map<string, string>();

/** A claim that is there makes room for a restore on a living cluster, and its volume goes on under another name. */
export const asideCase: EffectCase = {
  effect: 'volumes/displace set-volume-aside',
  sidesApart: true,
  oneAtATime: true,
  step: 'aside',
  steps: async (stage) => {
    await using kube = await stage.world.open();
    const claim = await claimOf(kube, databaseOf(stage));
    const volume = (await listed(kube, { apiVersion: 'v1', kind: 'PersistentVolume' })).find(({ metadata }) => metadata.name === claim?.spec?.['volumeName']);
    making.set(stage.name, volume?.metadata.name ?? '');
    const uids = { claimUid: claim?.metadata.uid ?? '', volume: volume?.metadata.name ?? '', volumeUid: volume?.metadata.uid ?? '' };
    const occupied = [{ claim: CLAIMS[databaseOf(stage)], ...uids }];
    const specs = { cluster: '${{ plan.cluster }}', specs: '${{ plan.specs }}', commit: '${{ inputs.commit }}' };
    return [
      { id: 'provision', uses: 'cluster/provision', with: specs },
      { id: 'aside', uses: 'volumes/displace', needs: ['provision'], with: { target: '${{ steps.provision.outputs }}', occupied, services: [] } },
    ];
  },
  plan: async (stage) => ({ cluster: await existingCluster(stage) }),
  times: async (stage) => await deletesOf(stage, `persistentvolumes ${making.get(stage.name) ?? ''}`),
};

function metadataOf({ namespace = '', name }: ObjectRef): { readonly namespace: string; readonly name: string } {
  return { namespace, name };
}
