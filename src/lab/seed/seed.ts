import { join } from 'node:path';
import { systemClock } from '../../adapters/clock/system-clock.ts';
import { openCluster } from '../../adapters/kube/kube-clusters.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { LabConfig } from '../config.ts';
import type { LabOperation } from '../progress.ts';
import { getCluster, getLab } from '../state.ts';
import { applyObjects } from './apply-objects.ts';
import { commitWorld } from './git-repository.ts';
import { type SeedPaths, writePlan } from './recovery-plan.ts';
import { writeSecretFile } from './secret-file.ts';
import { ensureSnapshotLocation, takeBackup, untilAgentsReady } from './take-backup.ts';
import { waitUntilSettled } from './wait-ready.ts';
import { hasFileBackups, objectsIn, readWorld, type World, type WorldName } from './world.ts';

export interface SeedResult {
  readonly cluster: string;
  /** The RecoveryPlan that was written. */
  readonly plan: string;
  readonly commit: string;
  readonly backup: string;
}

/** Where the seed of a world keeps its files. */
export function seedPaths(labDirectory: string, world: WorldName): SeedPaths {
  const root = join(labDirectory, 'operator', world);
  return {
    plan: join(root, 'recovery-plan.yaml'),
    repository: join(root, 'specs'),
    secretFile: join(root, 'secrets.age'),
    identity: join(root, 'age-identity.txt'),
    runs: join(root, 'runs'),
    kubeconfigOut: join(root, 'rebuilt.kubeconfig'),
  };
}

async function open(path: string): Promise<KubeCluster> {
  return openCluster({ kubeconfigPath: path }, { clock: systemClock, env: process.env });
}

/** Has the parent provision the cluster, unless it lives already, and waits until it is ready for workloads. */
async function provision(lab: LabConfig, world: World, operation: LabOperation): Promise<void> {
  await using parent = await open((await getCluster(lab.directory, lab.parent)).kubeconfigs.admin);
  await applyObjects(parent, objectsIn(world, 'parent'), operation.signal);
  await using live = await parent.live({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster' });
  await live.until((objects) => {
    const phase = [...objects.values()].find((object) => object.metadata.name === world.cluster)?.status?.['phase'];
    operation.onProgress?.({ part: world.cluster, state: 'preparing', note: `the platform says ${String(phase ?? 'nothing yet')}` });
    return phase === 'Ready' ? true : undefined;
  }, operation.signal);
}

/** The sample has a child cluster in git that nobody has provisioned. */
function withoutChildren(objects: readonly KubeObject[]): readonly KubeObject[] {
  return objects.filter((object) => object.kind !== 'LatticeCluster');
}

/** Puts secrets and specs on the cluster and waits until everything they make is there. */
async function populate(cluster: KubeCluster, world: World, { signal, onProgress }: LabOperation): Promise<void> {
  const desired = [...objectsIn(world, 'secrets'), ...withoutChildren(objectsIn(world, 'clusters')), ...objectsIn(world, 'services')];
  onProgress?.({ part: world.cluster, state: 'preparing', note: `applying ${desired.length} objects` });
  await applyObjects(cluster, desired, signal);
  await waitUntilSettled(cluster, desired, { signal, onOpen: (note) => onProgress?.({ part: world.cluster, state: 'preparing', note }) });
}

/**
 * Makes a sample platform and an operator's outfit for it: git repository, clusters brought to Ready by the platform, a verified backup of every volume,
 * an age file of the original secrets, and a RecoveryPlan with what each name answers. Idempotent: a second call takes a new backup and writes the plan
 * for the instance that lives now.
 */
export async function seedLab(options: LabOperation & { readonly world: WorldName }): Promise<SeedResult> {
  const { directory, signal, onProgress } = options;
  const lab = await getLab(directory);
  const world = await readWorld(options.world, lab);
  const paths = seedPaths(directory, options.world);
  const commit = await commitWorld(world, paths.repository);
  await writeSecretFile(world, { identity: paths.identity, file: paths.secretFile });
  await provision(lab, world, options);
  const instance = await getCluster(directory, world.cluster);
  await using cluster = await open(instance.kubeconfigs.admin);
  await populate(cluster, world, options);
  onProgress?.({ part: world.cluster, state: 'preparing', note: 'taking a backup' });
  await ensureSnapshotLocation(lab, cluster, signal);
  if (hasFileBackups(world)) await untilAgentsReady(cluster, signal);
  const [clusterBackup] = objectsIn(world, 'clusters').filter((object) => object.kind === 'LatticeClusterBackup');
  const backup = await takeBackup(cluster, `lattice-${clusterBackup?.metadata.name ?? ''}`, signal);
  onProgress?.({ part: world.cluster, state: 'preparing', note: 'asking every name for its answer' });
  await writePlan({ lab, world, cluster: instance, paths }, signal);
  onProgress?.({ part: world.cluster, state: 'ready', note: `plan: ${paths.plan}` });
  return { cluster: world.cluster, plan: paths.plan, commit, backup };
}
