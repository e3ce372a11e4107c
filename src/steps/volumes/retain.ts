import type { StepContext } from '../../engine/step.ts';
import { type KubeObject, refOf } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import type { ClaimState } from './claims.ts';

const RETAIN = 'Retain';
type Ctx = Pick<StepContext<unknown, unknown>, 'hold' | 'signal'>;

export function isRetained({ spec }: KubeObject): boolean {
  return spec?.['persistentVolumeReclaimPolicy'] === RETAIN;
}

/** Puts on record that a volume outlives its claim for now, unless it always does. */
export async function holdReclaim(
  { claim, volume, policy }: { readonly claim: string; readonly volume: string; readonly policy: unknown },
  ctx: Pick<Ctx, 'hold'>,
): Promise<void> {
  if (policy === undefined || policy === RETAIN) return;
  await ctx.hold({
    id: `reclaim-policy/${claim}`,
    kind: 'reclaim-policy',
    subject: `PersistentVolume ${volume} of ${claim} is Retain: deleting the claim does not delete the bytes`,
    prior: { volume, policy: String(policy) },
    releaseWhen: 'the data is verified and a fresh backup of it is Completed',
  });
}

/**
 * Has each restored volume outlive its claim. Reclaim policy is Delete in the classes of the platform, and claims are owned by their service: whoever deletes
 * the service to begin again deletes the only restored copy with it.
 */
export async function retainVolumes(cluster: KubeCluster, states: readonly ClaimState[], ctx: Ctx): Promise<void> {
  for (const state of states) {
    if (state.state !== 'restored' || isRetained(state.volume)) continue;
    const { volume, claim } = state;
    await holdReclaim({ claim, volume: volume.metadata.name, policy: volume.spec?.['persistentVolumeReclaimPolicy'] }, ctx);
    const uid = volume.metadata.uid === undefined ? {} : { metadata: { uid: volume.metadata.uid } };
    await cluster.mergePatch(refOf(volume), { ...uid, spec: { persistentVolumeReclaimPolicy: RETAIN } }, { fieldManager: FIELD_MANAGER, signal: ctx.signal });
  }
}
