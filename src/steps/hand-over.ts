import pLimit from 'p-limit';
import { isDrError } from '../errors/dr-error.ts';
import { type KubeObject, type ObjectRef, type ResourceType, refOf } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { handOver, type ManagedFields } from '../specs/field-managers.ts';
import { FIELD_MANAGER } from './platform-names.ts';

/** Patches in flight; a patch costs the server as much as an apply. */
const PATCHES_IN_FLIGHT = 32;
/** Tries for an object that controllers keep changing. */
const ATTEMPTS = 8;

export interface HandOver {
  /** Types of the objects; all that the server can list and patch when it is not known which we have applied. */
  readonly types: readonly ResourceType[] | undefined;
  /** Field manager that owns from now on what we have applied. */
  readonly manager: string;
}

/**
 * Makes another field manager the owner of all fields that we have applied to objects of these types, one list per type and one patch per object. As long as
 * we stay an owner, a field that is taken out of git stays on the server. What has been handed over is passed over, so a second call finishes a first one.
 *
 * @returns How many objects were handed over.
 */
export async function handOverObjects(cluster: KubeCluster, { types, manager }: HandOver, signal: AbortSignal): Promise<number> {
  const limit = pLimit({ concurrency: PATCHES_IN_FLIGHT, rejectOnClear: true });
  let done = 0;
  for (const type of types ?? (await servedTypes(cluster, signal))) {
    const objects = (await cluster.list(type, { signal })) ?? [];
    const moved = await limit.map([...objects], async (object) => await handOverObject(cluster, object, { manager, signal }));
    done += moved.filter(Boolean).length;
  }
  return done;
}

/** Every type that can be listed and patched, in one version each. */
async function servedTypes(cluster: KubeCluster, signal: AbortSignal): Promise<readonly ResourceType[]> {
  const { groups = [] } = JSON.parse((await cluster.raw('/apis', signal)).body) as { readonly groups?: readonly { readonly name: string }[] };
  const served = await Promise.all(['', ...groups.map(({ name }) => name)].map(async (group) => await cluster.resourcesOf(group, signal)));
  const usable = served.map((types) => types.filter(({ verbs }) => verbs.includes('list') && verbs.includes('patch')));
  // The preferred version comes first.
  return usable.flatMap((types) => [...new Map(types.toReversed().map((type) => [type.kind, type])).values()]);
}

/** Hands over one object, as it was last seen; it is read again when it has changed since. */
export async function handOverObject(
  cluster: KubeCluster,
  seen: KubeObject,
  { manager, signal }: { readonly manager: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const ref = refOf(seen);
  let object: KubeObject | undefined = seen;
  for (let attempt = 1; object !== undefined; attempt += 1) {
    const managedFields = handOver((object.metadata.managedFields ?? []) as readonly ManagedFields[], { from: FIELD_MANAGER, to: manager });
    if (managedFields === undefined) return false;
    try {
      await patch(cluster, ref, { managedFields, resourceVersion: object.metadata.resourceVersion ?? '', signal });
      return true;
    } catch (error) {
      if (isDrError(error, 'KUBE_NOT_FOUND')) return false;
      if (!isDrError(error, 'KUBE_CONFLICT') || attempt === ATTEMPTS) throw error;
      object = await cluster.get(ref, signal);
    }
  }
  return false;
}

interface Ownership {
  readonly managedFields: readonly ManagedFields[];
  readonly resourceVersion: string;
  readonly signal: AbortSignal;
}

/** The version is a precondition: entries that a controller has added meanwhile must not get lost. */
async function patch(cluster: KubeCluster, ref: ObjectRef, { managedFields, resourceVersion, signal }: Ownership): Promise<void> {
  await cluster.mergePatch(ref, { metadata: { resourceVersion, managedFields: managedFields as never } }, { fieldManager: FIELD_MANAGER, signal });
}
