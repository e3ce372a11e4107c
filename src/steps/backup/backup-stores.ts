import { LOCATION_TYPE, VELERO_NAMESPACE } from '../../backup/location.ts';
import { locationName } from '../../backup/velero-layout.ts';
import type { KubeObject, ObjectRef } from '../../model/kube-object.ts';
import type { DesiredState } from '../desired-state.ts';
import { LATTICE_API } from '../platform-names.ts';

/** The location that the platform makes of a store. */
export function locationRef(store: string): ObjectRef {
  return { ...LOCATION_TYPE, namespace: VELERO_NAMESPACE, name: locationName(store) };
}

/**
 * Every BackupStore of desired state, not only those that hold a chosen recovery point: the platform makes a location of each, writable, and Velero then
 * expires there what the lost cluster has saved (Velero 1.18 gc_controller.go).
 */
export function desiredStores({ manifests }: DesiredState): readonly KubeObject[] {
  return manifests.map(({ object }) => object).filter((object) => object.kind === 'BackupStore' && object.apiVersion === LATTICE_API);
}

/** What git itself says of a location, when it has one beside the stores. */
export function writtenLocation({ namespace, name }: Pick<ObjectRef, 'namespace' | 'name'>, { manifests }: DesiredState): KubeObject | undefined {
  return manifests.find(({ object: { kind, metadata } }) => kind === LOCATION_TYPE.kind && metadata.name === name && metadata.namespace === namespace)?.object;
}
