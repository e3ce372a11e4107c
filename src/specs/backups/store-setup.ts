import type { StoreSetup } from '../../model/backup-setup.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { asObject, asText, fieldAt, specOf } from '../fields.ts';
import { present, type SetupObject, textAt, writtenOf } from './setup-object.ts';

/**
 * A BackupStore in either schema: the documented one with `credentialsSecretRef`, a name or `{ name }`, and today's with `credentials { id, provider }`.
 *
 * @see evan-hines-js/lattice at 08fbacb, `lattice-crd/src/crd/backup_store.rs`
 */
export function storeSetup(found: SetupObject): StoreSetup {
  const { object } = found;
  const storage = asObject(specOf(object)['storage']);
  const s3 = asObject(storage['s3']);
  const credentials = credentialsOf(storage);
  return {
    ...writtenOf(found),
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    isDefault: specOf(object)['default'] === true,
    // The CRD's default.
    provider: asText(storage['provider']) ?? 's3',
    ...present({
      bucket: bucketOf(storage),
      region: textAt(s3, 'region'),
      endpoint: textAt(s3, 'endpoint'),
      forcePathStyle: typeof s3['forcePathStyle'] === 'boolean' ? s3['forcePathStyle'] : undefined,
      storageAccount: asText(fieldAt(storage, 'azure', 'storageAccount')),
      cloudProviderRef: asText(storage['cloudProviderRef']),
      credentials,
    }),
  };
}

/** Only the block of the store's own provider counts. */
function bucketOf(storage: Readonly<Record<string, unknown>>): string | undefined {
  if (storage['provider'] === 'gcs') return asText(fieldAt(storage, 'gcs', 'bucket'));
  if (storage['provider'] === 'azure') return asText(fieldAt(storage, 'azure', 'container'));
  return asText(fieldAt(storage, 's3', 'bucket'));
}

function credentialsOf(storage: Readonly<Record<string, unknown>>): StoreSetup['credentials'] {
  const old = storage['credentialsSecretRef'];
  const secretRef = asText(old) ?? asText(fieldAt(old, 'name'));
  const id = asText(fieldAt(storage['credentials'], 'id'));
  if (id !== undefined) return { field: 'credentials', name: id };
  return secretRef === undefined ? undefined : { field: 'credentialsSecretRef', name: secretRef };
}

/** The store with what the cluster says of its BackupStorageLocation. */
export function withLocation(store: StoreSetup, name: string, location: KubeObject | undefined): StoreSetup {
  const status = asObject(location?.status);
  const text = (value: unknown): string => asText(value) ?? '';
  return {
    ...store,
    location: {
      name,
      phase: location === undefined ? 'absent' : (asText(status['phase']) ?? 'New'),
      message: text(status['message']),
      accessMode: asText(fieldAt(location?.spec, 'accessMode')) ?? 'ReadWrite',
    },
  };
}
