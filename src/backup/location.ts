import type { JsonObject } from '../model/json.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { locationName } from './velero-layout.ts';

/** Namespace of Velero and its objects on a Lattice cluster (lattice-velero). */
export const VELERO_NAMESPACE = 'velero';
export const VELERO_API = 'velero.io/v1';

interface StoreSpec {
  readonly default?: boolean;
  readonly storage?: {
    readonly cloudProviderRef?: string;
    readonly s3?: { readonly bucket?: string; readonly region?: string; readonly endpoint?: string };
  };
}

/** Secret that holds the credentials of a store, when the store names a provider. Nothing in the platform creates it (backup_store_controller.rs). */
export function credentialSecretOf(store: KubeObject): string | undefined {
  const ref = (store.spec as StoreSpec | undefined)?.storage?.cloudProviderRef;
  return ref === undefined ? undefined : `velero-credentials-${ref}`;
}

/**
 * The BackupStorageLocation the platform would make for an s3 or s3Compatible BackupStore, with `accessMode: ReadOnly`. The platform does not own that
 * field, so it stays when its controller applies the rest (field manager `lattice-backup-store-controller`).
 */
export function readOnlyLocation(store: KubeObject): KubeObject {
  const spec = (store.spec ?? {}) as StoreSpec;
  const { bucket = '', region, endpoint } = spec.storage?.s3 ?? {};
  const secret = credentialSecretOf(store);
  const config: JsonObject = {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { s3Url: endpoint, s3ForcePathStyle: 'true' }),
  };
  return {
    apiVersion: VELERO_API,
    kind: 'BackupStorageLocation',
    metadata: { name: locationName(store.metadata.name), namespace: VELERO_NAMESPACE },
    spec: {
      provider: 'aws',
      accessMode: 'ReadOnly',
      default: spec.default === true,
      config,
      objectStorage: { bucket, prefix: locationName(store.metadata.name) },
      ...(secret === undefined ? {} : { credential: { name: secret, key: 'cloud' } }),
    },
  };
}
