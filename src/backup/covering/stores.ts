import type { BackupSetup, StoreSetup } from '../../model/backup-setup.ts';
import { about, type CoverageFinding } from './finding.ts';
import { statusFindings } from './statuses.ts';

/** Where stores and backups of the platform live, and the only namespace in which a default store is looked for (`lattice-backup/src/cluster_backup_controller.rs`). */
export const SYSTEM_NAMESPACE = 'lattice-system';

/** Namespace of Velero, in which it looks for the credentials of a location. */
const VELERO_NAMESPACE = 'velero';

/** Name of Velero's plugin for a provider that the platform does not ship: it installs the one for AWS alone (`lattice-velero/build.rs`). */
const PLUGINS: Readonly<Record<string, string>> = { gcs: 'gcp', azure: 'azure' };

/** Stores that schedules without `storeRef` may mean. */
export function defaultStores({ stores }: Pick<BackupSetup, 'stores'>): readonly StoreSetup[] {
  return stores.filter(({ isDefault, namespace }) => isDefault && namespace === SYSTEM_NAMESPACE);
}

/** What is wrong with the stores themselves, each for itself and among each other. */
export function storeFindings(setup: BackupSetup): readonly CoverageFinding[] {
  return [
    ...twoDefaults(setup),
    ...setup.stores.flatMap((store) => [
      ...elsewhere(store),
      ...place(store),
      ...credential(store, setup),
      ...endpoint(store, setup),
      ...plugin(store, setup),
      ...ignoredFields(store),
      ...statusFindings(store, 'store'),
      ...observed(store),
    ]),
    ...clashes(setup.stores),
    ...shared(setup),
  ];
}

function twoDefaults(setup: BackupSetup): readonly CoverageFinding[] {
  const [first, ...others] = defaultStores(setup);
  return others.map((store) =>
    about(store, {
      code: 'two-default-stores',
      severity: 'fault',
      message: `spec.default is true here and on ${first?.name ?? ''}`,
      consequence: 'backups without storeRef go to whichever of the two the platform happens to list first, and it may change from one day to the next',
      fix: 'set spec.default to false on all stores but one',
    }),
  );
}

function elsewhere(store: StoreSetup): readonly CoverageFinding[] {
  if (!store.isDefault || store.namespace === SYSTEM_NAMESPACE) return [];
  return [
    about(store, {
      code: 'default-store-elsewhere',
      severity: 'note',
      message: `spec.default is true in namespace ${store.namespace}`,
      consequence: `only a default store in ${SYSTEM_NAMESPACE} is ever used without being named`,
      fix: `name it by storeRef from its own namespace, or move it to ${SYSTEM_NAMESPACE}`,
    }),
  ];
}

/** Bucket, region and endpoint, as far as the provider needs them. */
function place(store: StoreSetup): readonly CoverageFinding[] {
  const fault = (code: 'place-missing' | 'region-missing' | 'endpoint-missing', message: string, fix: string): CoverageFinding =>
    about(store, {
      code,
      severity: 'fault',
      message,
      fix,
      consequence: 'its BackupStorageLocation never becomes Available, while the store itself says Ready',
    });
  const { provider, bucket, region, endpoint: url } = store;
  const block = { gcs: 'gcs.bucket', azure: 'azure.container' }[provider] ?? 's3.bucket';
  return [
    ...(bucket === undefined ? [fault('place-missing', `provider ${provider} without spec.storage.${block}`, `set spec.storage.${block}`)] : []),
    ...(provider === 's3' && region === undefined && url === undefined
      ? [fault('region-missing', 'provider s3 without spec.storage.s3.region', 'set the region of the bucket')]
      : []),
    ...(provider === 's3Compatible' && url === undefined
      ? [fault('endpoint-missing', 'provider s3Compatible without spec.storage.s3.endpoint: AWS would be asked', 'set the URL of the server')]
      : []),
  ];
}

/** A location is given the Secret of `cloudProviderRef` and nothing else; nobody makes that Secret (`lattice-backup/src/backup_store_controller.rs`). */
function credential(store: StoreSetup, { around }: BackupSetup): readonly CoverageFinding[] {
  const { cloudProviderRef, credentials, provider, endpoint: url } = store;
  if (cloudProviderRef !== undefined) {
    const secret = `${VELERO_NAMESPACE}/velero-credentials-${cloudProviderRef}`;
    if (around.secrets.includes(secret)) return [];
    return [
      about(store, {
        code: 'credential-missing',
        severity: 'loss',
        message: `spec.storage.cloudProviderRef '${cloudProviderRef}' stands for Secret ${secret}, which the platform never makes and ${around.isLive ? 'the cluster does not have' : 'neither git nor a source of the plan names'}`,
        consequence: 'Velero reads and writes nothing there; the store says Ready all the same, and it shows in a restore at the latest',
        fix: `make Secret ${secret} (key cloud, an AWS shared-credentials file) and put it among spec.secrets[].required of the plan`,
      }),
    ];
  }
  if (credentials !== undefined) {
    return [
      about(store, {
        code: 'credential-unwired',
        severity: 'loss',
        message: `spec.storage.${credentials.field} names '${credentials.name}', ${credentials.field === 'credentials' ? 'which no code hands to Velero' : 'a field that today’s schema does not have'}`,
        consequence: 'the location is made without credentials, so Velero can use only what its machine is given by the cloud, and elsewhere nothing',
        fix: `set spec.storage.cloudProviderRef to a name NAME and make Secret ${VELERO_NAMESPACE}/velero-credentials-NAME (key cloud)`,
      }),
    ];
  }
  const isCloud = provider !== 's3Compatible' && url === undefined;
  return [
    about(store, {
      code: 'credential-none',
      severity: isCloud ? 'note' : 'loss',
      message: 'no credentials are named',
      consequence: isCloud
        ? 'Velero depends on the identity that the cloud gives to its machine, and so does the rebuilt cluster'
        : 'a server outside of a cloud gives no machine an identity: Velero can neither read nor write there',
      fix: `set spec.storage.cloudProviderRef to a name NAME and make Secret ${VELERO_NAMESPACE}/velero-credentials-NAME (key cloud)`,
    }),
  ];
}

function endpoint(store: StoreSetup, { around }: BackupSetup): readonly CoverageFinding[] {
  const host = hostOf(store.endpoint);
  if (host === undefined || !isInside(host, around.ownHosts)) return [];
  return [
    about(store, {
      code: 'endpoint-inside-cluster',
      severity: 'loss',
      message: `spec.storage.s3.endpoint ${store.endpoint ?? ''} is served by the cluster that it protects`,
      consequence: 'the backups are lost together with the cluster',
      fix: 'keep backups on a server that needs nothing of this cluster: another cluster, another site, a cloud',
    }),
  ];
}

function hostOf(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  const full = url.includes('://') ? url : `http://${url}`;
  return URL.canParse(full) ? new URL(full).hostname.toLowerCase() : undefined;
}

/** Names that only a cluster resolves, names that stand for the machine itself, and names that this cluster serves. */
function isInside(host: string, ownHosts: readonly string[]): boolean {
  if (/\.svc(\.|$)|\.cluster\.local$/.test(host) || !/[.:]/.test(host) || host.startsWith('127.') || host === '[::1]') return true;
  return ownHosts.some((own) => own.toLowerCase() === host);
}

/** Velero's plugin that a store needs and that is not installed. */
export function missingPlugin(store: StoreSetup, { around }: Pick<BackupSetup, 'around'>): string | undefined {
  const needed = PLUGINS[store.provider];
  return needed === undefined || around.plugins.includes(needed) ? undefined : needed;
}

function plugin(store: StoreSetup, setup: BackupSetup): readonly CoverageFinding[] {
  const needed = missingPlugin(store, setup);
  if (needed === undefined) return [];
  return [
    about(store, {
      code: 'plugin-missing',
      severity: 'loss',
      message: `provider ${store.provider} needs Velero's plugin ${needed}, and the platform installs the one for AWS only`,
      consequence: 'nothing is ever saved there and nothing can be restored from there; the store says Ready all the same',
      fix: 'use a bucket that speaks S3, or add the plugin to the Velero Deployment yourself',
    }),
  ];
}

/** Fields that the platform takes and does not use (`lattice-backup/src/backup_store_controller.rs`). */
function ignoredFields(store: StoreSetup): readonly CoverageFinding[] {
  const ignored = (field: string, consequence: string): CoverageFinding =>
    about(store, {
      code: 'field-ignored',
      severity: 'note',
      message: `${field} is read by nobody`,
      consequence,
      fix: 'take it out, so that nobody relies on it',
    });
  const { forcePathStyle, endpoint: url, storageAccount } = store;
  return [
    ...(forcePathStyle === false && url !== undefined ? [ignored('spec.storage.s3.forcePathStyle: false', 'with an endpoint, path style is always used')] : []),
    ...(forcePathStyle === true && url === undefined ? [ignored('spec.storage.s3.forcePathStyle: true', 'without an endpoint, path style is never used')] : []),
    ...(storageAccount === undefined
      ? []
      : [ignored('spec.storage.azure.storageAccount', 'the location is made without an account, so it cannot become Available')]),
  ];
}

function observed(store: StoreSetup): readonly CoverageFinding[] {
  const { location } = store;
  if (location === undefined || location.phase === 'Available') return [];
  return [
    about(store, {
      code: 'location-not-available',
      severity: 'loss',
      message: `BackupStorageLocation ${location.name} is ${location.phase}${location.message === '' ? '' : `: ${location.message}`}`,
      consequence: 'no backup is taken there now',
      fix: 'mend what Velero complains of; BackupStore Ready says only that the location was applied',
    }),
  ];
}

/** A location is named after the store alone, without its namespace. */
function clashes(stores: readonly StoreSetup[]): readonly CoverageFinding[] {
  return [...Map.groupBy(stores, ({ name }) => name).values()].flatMap(([first, ...others]) =>
    others.map((store) =>
      about(store, {
        code: 'location-clash',
        severity: 'fault',
        message: `store ${store.name} is in namespace ${first?.namespace ?? ''} too, and both become BackupStorageLocation lattice-${store.name}`,
        consequence: 'the two overwrite each other’s location, so backups end up in either bucket and a restore looks for them in the other',
        fix: 'give one of them another name',
      }),
    ),
  );
}

/** The prefix in the bucket is `lattice-<store>`, without the cluster: whoever has the same store in the same bucket sees and expires the same backups. */
function shared({ stores, around }: BackupSetup): readonly CoverageFinding[] {
  return stores.flatMap((store) => {
    const other = around.otherStores.find((candidate) => isSamePlace(candidate, store));
    if (other === undefined) return [];
    return [
      about(store, {
        code: 'store-shared',
        severity: 'loss',
        message: `another cluster has a store of this name in bucket ${store.bucket ?? ''} (${other.at ?? other.object})`,
        consequence: `both keep their backups under lattice-${store.name}/: each lists, expires and deletes those of the other`,
        fix: 'name the store after its cluster, or give each cluster a bucket of its own',
      }),
    ];
  });
}

function isSamePlace(a: StoreSetup, b: StoreSetup): boolean {
  return a.name === b.name && a.bucket !== undefined && a.bucket === b.bucket && hostOf(a.endpoint) === hostOf(b.endpoint);
}
