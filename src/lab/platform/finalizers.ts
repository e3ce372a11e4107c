import { isDrError } from '../../errors/dr-error.ts';
import { type KubeObject, refOf } from '../../model/kube-object.ts';
import type { StatusWrite } from '../reconcile/status.ts';

/** Adds a finalizer if the object lacks it. */
export async function addFinalizer(object: KubeObject, finalizer: string, edit: StatusWrite): Promise<void> {
  const current = object.metadata.finalizers ?? [];
  if (!current.includes(finalizer)) await setFinalizers(object, [...current, finalizer], edit);
}

/** Takes a finalizer away; an object that is gone by now is no failure. */
export async function removeFinalizer(object: KubeObject, finalizer: string, edit: StatusWrite): Promise<void> {
  const current = object.metadata.finalizers ?? [];
  if (!current.includes(finalizer)) return;
  try {
    await setFinalizers(
      object,
      current.filter((one) => one !== finalizer),
      edit,
    );
  } catch (error) {
    if (!isDrError(error, 'KUBE_NOT_FOUND')) throw error;
  }
}

/** With the version that was seen: a list is replaced as a whole, and somebody else's finalizer must not be lost. */
async function setFinalizers(object: KubeObject, finalizers: readonly string[], { kube, fieldManager, signal }: StatusWrite): Promise<void> {
  const { resourceVersion } = object.metadata;
  await kube.mergePatch(refOf(object), { metadata: { finalizers, ...(resourceVersion === undefined ? {} : { resourceVersion }) } }, { fieldManager, signal });
}
