import type { KubeObject, OwnerReference } from '../../model/kube-object.ts';

/** Controller owner reference that blocks the owner's deletion, as the platform sets it on everything it derives (F48). */
export function ownedBy(owner: KubeObject): OwnerReference & { readonly blockOwnerDeletion: boolean } {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '', controller: true, blockOwnerDeletion: true };
}
