import type { JsonObject } from '../model/json.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { locationName } from './velero-layout.ts';

/** Namespace of Velero and its objects on a Lattice cluster (lattice-velero). */
export const VELERO_NAMESPACE = 'velero';
export const VELERO_API = 'velero.io/v1';
export const LOCATION_TYPE = { apiVersion: VELERO_API, kind: 'BackupStorageLocation' } as const;

interface StoreSpec {
  readonly default?: boolean;
  readonly storage?: {
    readonly provider?: string;
    readonly cloudProviderRef?: string;
    readonly s3?: { readonly bucket?: string; readonly region?: string; readonly endpoint?: string };
    readonly gcs?: { readonly bucket?: string };
    readonly azure?: { readonly container?: string };
  };
}

/** Velero's name of a store's provider, and where the store names its bucket (backup_store_controller.rs). */
function placeOf({ provider, s3, gcs, azure }: NonNullable<StoreSpec['storage']>): { readonly provider: string; readonly bucket: string } {
  if (provider === 'gcs') return { provider: 'gcp', bucket: gcs?.bucket ?? '' };
  if (provider === 'azure') return { provider: 'azure', bucket: azure?.container ?? '' };
  return { provider: 'aws', bucket: s3?.bucket ?? '' };
}

/** Secret that holds the credentials of a store, when the store names a provider. Nothing in the platform creates it (backup_store_controller.rs). */
export function credentialSecretOf(store: KubeObject): string | undefined {
  const ref = (store.spec as StoreSpec | undefined)?.storage?.cloudProviderRef;
  return ref === undefined ? undefined : `velero-credentials-${ref}`;
}

/**
 * The BackupStorageLocation the platform would make for a BackupStore, with `accessMode: ReadOnly`. The platform does not own that
 * field, so it stays when its controller applies the rest (field manager `lattice-backup-store-controller`).
 */
export function readOnlyLocation(store: KubeObject): KubeObject {
  const spec = (store.spec ?? {}) as StoreSpec;
  const { provider, bucket } = placeOf(spec.storage ?? {});
  const { region, endpoint } = spec.storage?.s3 ?? {};
  const secret = credentialSecretOf(store);
  const config: JsonObject = {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { s3Url: endpoint, s3ForcePathStyle: 'true' }),
  };
  return {
    ...LOCATION_TYPE,
    metadata: { name: locationName(store.metadata.name), namespace: VELERO_NAMESPACE },
    spec: {
      provider,
      accessMode: 'ReadOnly',
      default: spec.default === true,
      config,
      objectStorage: { bucket, prefix: locationName(store.metadata.name) },
      ...(secret === undefined ? {} : { credential: { name: secret, key: 'cloud' } }),
    },
  };
}

/**
 * The Backup object of a stored `velero-backup.json` as Velero's sync would create it on another cluster: bound to the location there, without what belongs
 * to the old API server (Velero 1.18 backup_sync_controller.go). The Backup type has no status subresource, so its status is created with it.
 */
export function introducedBackup(stored: JsonObject, location: string): KubeObject {
  const metadata = (stored['metadata'] ?? {}) as KubeObject['metadata'];
  const { name, annotations } = metadata;
  const labels = { ...metadata.labels, 'velero.io/storage-location': location };
  return {
    apiVersion: VELERO_API,
    kind: 'Backup',
    metadata: { name, namespace: VELERO_NAMESPACE, labels, ...(annotations === undefined ? {} : { annotations }) },
    spec: { ...(stored['spec'] as JsonObject), storageLocation: location },
    status: (stored['status'] ?? {}) as JsonObject,
  };
}
