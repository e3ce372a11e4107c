import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { type Controller, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';

const MANAGER = 'lattice-backup-store-controller';

interface Storage {
  readonly provider?: string;
  readonly s3?: { readonly bucket: string; readonly region?: string | null; readonly endpoint?: string | null } | null;
  readonly gcs?: { readonly bucket: string } | null;
  readonly azure?: { readonly container: string } | null;
  readonly cloudProviderRef?: string | null;
}

/**
 * BackupStore: the BackupStorageLocation `lattice-<store>` and then Ready, which says that the object was applied and not that the bucket can be reached
 * (F22). `accessMode` is not among the fields it owns, so somebody else's ReadOnly stays (F23).
 */
export function backupStoreController(context: PlatformContext): Controller {
  return {
    name: 'backup-store',
    watches: [{ type: TYPES.BackupStore, keys: ownKey }],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const store = context.caches.get(namespaced(TYPES.BackupStore, namespace, name));
      if (store === undefined) return undefined;
      const write = { kube: context.kube, fieldManager: MANAGER, signal };
      const observedGeneration = store.metadata.generation;
      if ((await context.kube.resource(TYPES.BackupStorageLocation, signal)) === undefined) {
        await writeStatus(store, { phase: 'Pending', message: 'Velero not installed', observedGeneration }, write);
        return context.lab.behaviour.retryIntervalMs;
      }
      await context.kube.apply(locationOf(store), { fieldManager: MANAGER, force: true, signal });
      await writeStatus(store, { phase: 'Ready', message: 'BackupStorageLocation applied', veleroBslName: `lattice-${name}`, observedGeneration }, write);
      return undefined;
    },
  };
}

/** The prefix holds the store's name and not the cluster's: a rebuilt cluster finds the old backups, and two living ones expire each other's (F24). */
function locationOf(store: KubeObject): KubeObject {
  const { name } = store.metadata;
  const storage = (store.spec?.['storage'] ?? {}) as Storage;
  const { provider = 's3', s3, cloudProviderRef } = storage;
  const bucket = s3?.bucket ?? storage.gcs?.bucket ?? storage.azure?.container ?? '';
  const config: JsonObject = {
    ...(typeof s3?.region === 'string' ? { region: s3.region } : {}),
    ...(typeof s3?.endpoint === 'string' ? { s3Url: s3.endpoint, s3ForcePathStyle: 'true' } : {}),
  };
  // The Secret is named and made by nobody (F25).
  const credential = typeof cloudProviderRef === 'string' ? { credential: { name: `velero-credentials-${cloudProviderRef}`, key: 'cloud' } } : {};
  return {
    ...TYPES.BackupStorageLocation,
    metadata: { namespace: 'velero', name: `lattice-${name}` },
    spec: {
      provider: { gcs: 'gcp', azure: 'azure' }[provider] ?? 'aws',
      default: store.spec?.['default'] === true,
      objectStorage: { bucket, prefix: `lattice-${name}` },
      config,
      ...credential,
    },
  };
}
