import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { isRunId } from '../../src/model/ids.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { restoreName } from '../../src/steps/volumes/velero-restore.ts';
import type { RebuildWorld } from '../support/rebuild-world.ts';
import { describeWrite, writesOf } from '../support/written.ts';
import { type EffectCase, existingCluster, type Stage } from './effect-case.ts';

const VELERO = 'velero.io/v1';
const CLAIM = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' } as const;
const options = () => ({ fieldManager: 'test', signal: AbortSignal.timeout(60_000) });

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
    if ((await claimOf(kube, database)) === undefined) return `${namespace}/${name}`;
  }
  throw new Error(`claim ${namespace}/${name} is still there after a minute`);
}

/** What a failed try of this run would have left: a Restore that Velero refuses, and a volume with its label that nobody has claimed. */
async function plantFailedTry(kube: KubeCluster, { name, world }: Stage): Promise<void> {
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
  await kube.create(
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `left-${name}`, labels: { 'velero.io/restore-name': failed } },
      spec: {
        capacity: { storage: '1Mi' },
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Retain',
        storageClassName: 'left',
        hostPath: { path: join(world.directory, `left-${name}`) },
      },
    },
    options(),
  );
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

/** The volume object that a failed restore left is removed before the next try. The run is killed before it has tried, so that a failed try can be put there. */
export const leftoverCase: EffectCase = {
  effect: 'volumes/restore delete-leftover-volume',
  // A restore brings back every volume of the backup that is missing, also the other side's.
  sidesApart: true,
  step: 'volumes',
  steps: async (stage) => {
    await using kube = await stage.world.open();
    const volume = await loseVolume(kube, databaseOf(stage));
    const [backup] = await backupsOf(stage.world);
    const point = {
      store: backup?.['store'] ?? '',
      name: await backupName(kube),
      completedAt: new Date().toISOString(),
      volumes: [volume],
      withoutData: [],
      snapshotLocations: [],
    };
    const specs = { cluster: '${{ plan.cluster }}', specs: '${{ plan.specs }}', commit: '${{ inputs.commit }}' };
    const target = '${{ steps.provision.outputs }}';
    return [
      { id: 'provision', uses: 'cluster/provision', with: specs },
      { id: 'volumes', uses: 'volumes/restore', needs: ['provision'], with: { target, backups: '${{ plan.backups }}', recoveryPoints: [point] } },
    ];
  },
  plan: async (stage) => ({ cluster: await existingCluster(stage), backups: await backupsOf(stage.world) }),
  prepare: async (stage) => {
    await stage.killAt('rebuild', 'after|step-started|volumes');
    await using kube = await stage.world.open();
    await plantFailedTry(kube, stage);
    return 'resume';
  },
  times: async ({ world, name }) => {
    const writes = await writesOf((await world.instance()).auditLogPath);
    return writes.filter((write) => describeWrite(write) === `delete persistentvolumes left-${name}`).length;
  },
};
