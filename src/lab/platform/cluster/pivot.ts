import { systemClock } from '../../../adapters/clock/system-clock.ts';
import { openCluster } from '../../../adapters/kube/kube-clusters.ts';
import { refOf } from '../../../model/kube-object.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { findCluster } from '../../state.ts';
import { capiNamespace, type PlatformContext } from '../context.ts';
import { capiObjects, deleteMoved, importObjects } from './move.ts';

const MANAGER = 'lattice-move';

/**
 * Moves a child's Cluster API objects to the child, after which it manages its own machines: paused, copied, unpaused there, deleted here. Repeating an
 * interrupted pivot completes it.
 */
export async function pivot(name: string, context: PlatformContext, signal: AbortSignal): Promise<void> {
  const child = await findCluster(context.lab.directory, name);
  if (child === undefined) return;
  await using target = await openCluster({ kubeconfigPath: child.kubeconfigs.operator }, { clock: systemClock, env: {} });
  const namespace = capiNamespace(name);
  const cluster = namespaced(TYPES.CapiCluster, namespace, name);
  const pause = (paused: boolean): { readonly spec: { readonly paused: boolean } } => ({ spec: { paused } });
  const objects = await capiObjects(context.kube, namespace, signal);
  if (objects.some((object) => object.kind === 'Cluster')) await context.kube.mergePatch(cluster, pause(true), { fieldManager: MANAGER, signal });
  await importObjects({
    kube: target,
    namespace,
    objects: objects.map((object) => (object.kind === 'Cluster' ? { ...object, spec: { ...object.spec, paused: true } } : object)),
    signal,
  });
  if ((await target.get(cluster, signal)) !== undefined)
    await target.mergePatch(refOf({ ...TYPES.CapiCluster, metadata: { namespace, name } }), pause(false), { fieldManager: MANAGER, signal });
  await deleteMoved(context.kube, objects, signal);
  context.log(`pivot: ${objects.length} objects of ${name} moved to ${child.id}`);
}
