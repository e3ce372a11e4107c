import { isDrError } from '../../../errors/dr-error.ts';
import { type KubeObject, type OwnerReference, refOf } from '../../../model/kube-object.ts';
import type { KubeCluster } from '../../../ports/kube-cluster.ts';
import { TYPES } from '../../reconcile/types.ts';
import { exported } from './handed-down.ts';

const MANAGER = 'lattice-move';
/** Tells the provider that an object goes because it was moved (clusterctl). */
export const DELETE_FOR_MOVE = 'clusterctl.cluster.x-k8s.io/delete-for-move';
const SOURCE_UID = 'lattice.dev/source-uid';

export interface ImportOptions {
  readonly kube: KubeCluster;
  readonly namespace: string;
  /** As they were at their source, with uid and owner references. */
  readonly objects: readonly KubeObject[];
  readonly signal: AbortSignal;
}

/** The Cluster API objects of a namespace, owners before what they own. */
export async function capiObjects(kube: KubeCluster, namespace: string, signal: AbortSignal): Promise<readonly KubeObject[]> {
  const lists = await Promise.all([TYPES.CapiCluster, TYPES.CapiMachine, TYPES.Secret].map((type) => kube.list(type, { namespace, signal })));
  const [clusters = [], machines = [], secrets = []] = lists;
  const typed = (objects: readonly KubeObject[], { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): readonly KubeObject[] =>
    objects.map((object) => ({ ...object, apiVersion, kind }));
  const moved = secrets.filter((secret) => secret.metadata.labels?.['cluster.x-k8s.io/cluster-name'] !== undefined);
  return [...typed(clusters, TYPES.CapiCluster), ...typed(moved, TYPES.Secret), ...typed(machines, TYPES.CapiMachine)];
}

/**
 * Creates moved objects at their target: owner references are rebuilt on the new uids, uid and status stay behind (upstream `lattice-move`). What is
 * there already is left as it is, so an interrupted move can be repeated.
 */
export async function importObjects({ kube, namespace, objects, signal }: ImportOptions): Promise<void> {
  await kube.apply({ ...TYPES.Namespace, metadata: { name: namespace } }, { fieldManager: MANAGER, force: true, signal });
  const uids = new Map<string, string>();
  for (const object of objects) {
    const clean = exported(object);
    const ownerReferences = (object.metadata.ownerReferences ?? []).map(
      (owner) => ({ ...owner, uid: uids.get(owner.uid) ?? owner.uid }) satisfies OwnerReference,
    );
    const annotations = { ...clean.metadata.annotations, [SOURCE_UID]: object.metadata.uid ?? '' };
    const finalizers = object.metadata.finalizers ?? [];
    const target = { ...clean, metadata: { ...clean.metadata, namespace, annotations, ownerReferences, finalizers } };
    const made = await createOrGet(kube, target, signal);
    uids.set(object.metadata.uid ?? '', made.metadata.uid ?? '');
  }
}

/** Deletes moved objects at their source, marked so that nobody takes the deletion for the end of the machines. */
export async function deleteMoved(kube: KubeCluster, objects: readonly KubeObject[], signal: AbortSignal): Promise<void> {
  for (const object of objects.toReversed()) {
    try {
      await kube.mergePatch(refOf(object), { metadata: { annotations: { [DELETE_FOR_MOVE]: '' }, finalizers: null } }, { fieldManager: MANAGER, signal });
    } catch (error) {
      if (isDrError(error, 'KUBE_NOT_FOUND')) continue;
      throw error;
    }
    await kube.delete(refOf(object), { signal });
  }
}

async function createOrGet(kube: KubeCluster, object: KubeObject, signal: AbortSignal): Promise<KubeObject> {
  try {
    return await kube.create(object, { fieldManager: MANAGER, signal });
  } catch (error) {
    const existing = isDrError(error, 'KUBE_CONFLICT') ? await kube.get(refOf(object), signal) : undefined;
    if (existing === undefined) throw error;
    return existing;
  }
}
