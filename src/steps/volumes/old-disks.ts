import { diskOf } from '../../backup/disk.ts';
import type { StepContext } from '../../engine/step.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { PlanVolumes } from '../../model/plan/volumes.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { PROVISIONED_BY } from '../../specs/volume-facts.ts';
import { createIfAbsent } from '../create-if-absent.ts';
import type { StepPorts } from '../ports.ts';
import { CLAIM_TYPE, type ClaimState, placeParts, VOLUME_TYPE } from './claims.ts';
import { holdReclaim } from './retain.ts';
import type { VolumeSource } from './source-schema.ts';
import { askDisk, survivorLost } from './survivors.ts';
import { RUN_LABEL } from './velero-restore.ts';

type Ctx = Pick<StepContext<unknown, StepPorts>, 'ports' | 'signal' | 'run' | 'hold' | 'progress'>;
type OldDisk = NonNullable<VolumeSource['disk']>;

/** The old PersistentVolume again: same disk, for the same claim, and not removed with it. */
function volumeOfDisk({ claim, volume, provisioner, spec }: OldDisk, run: string): KubeObject {
  return {
    ...VOLUME_TYPE,
    metadata: { name: volume, labels: { [RUN_LABEL]: run }, annotations: provisioner === undefined ? {} : { [PROVISIONED_BY]: provisioner } },
    spec: { ...spec, persistentVolumeReclaimPolicy: 'Retain', claimRef: { ...CLAIM_TYPE, ...placeParts(claim) } },
  };
}

function claimOfDisk({ claim, volume, labels, claimSpec }: OldDisk): KubeObject {
  return { ...CLAIM_TYPE, metadata: { ...placeParts(claim), labels }, spec: { ...claimSpec, volumeName: volume } };
}

/** The disk in the class that the plan names in place of its own, so that claim and volume agree. */
function inClass(disk: OldDisk, plan: PlanVolumes | undefined): OldDisk {
  const storageClassName = plan?.storageClasses?.[String(disk.spec['storageClassName'])];
  if (storageClassName === undefined) return disk;
  return { ...disk, spec: { ...disk.spec, storageClassName }, claimSpec: { ...disk.claimSpec, storageClassName } };
}

/**
 * Gives claims their old disks: a static volume with the same handle, before anything else could claim it. Each disk is asked for once more, because what had it
 * is fenced by now: one that a machine still has is written from two sides. Throws `DISK_NOT_FREE`.
 */
export async function attachOldDisks(
  cluster: KubeCluster,
  { sources, states, plan }: { readonly sources: readonly VolumeSource[]; readonly states: readonly ClaimState[]; readonly plan: PlanVolumes | undefined },
  ctx: Ctx,
): Promise<void> {
  const open = new Set(states.filter(({ state }) => state !== 'restored').map(({ claim }) => claim));
  const disks = sources.flatMap(({ claim, disk }) => (disk !== undefined && open.has(claim) ? [disk] : []));
  for (const [index, disk] of disks.entries()) {
    ctx.progress({ message: `attaching the old disk of ${disk.claim}`, done: index, total: disks.length, unit: 'volumes' });
    await requireFree(disk, plan, ctx);
    await holdReclaim({ claim: disk.claim, volume: disk.volume, policy: disk.spec['persistentVolumeReclaimPolicy'] }, ctx);
    await createIfAbsent(cluster, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: disk.claim.split('/')[0] ?? '' } }, ctx.signal);
    const mapped = inClass(disk, plan);
    await createIfAbsent(cluster, volumeOfDisk(mapped, ctx.run.id), ctx.signal);
    await createIfAbsent(cluster, claimOfDisk(mapped), ctx.signal);
  }
}

async function requireFree({ claim, spec }: OldDisk, plan: PlanVolumes | undefined, ctx: Ctx): Promise<void> {
  const disk = diskOf(spec);
  const check = plan?.survivors?.check;
  const answer =
    disk === undefined || check === undefined
      ? ({ state: 'gone', said: 'the plan has no volumes.survivors.check any more' } as const)
      : await askDisk(disk, check, ctx);
  if (answer.state !== 'free') throw survivorLost(claim, answer);
}
