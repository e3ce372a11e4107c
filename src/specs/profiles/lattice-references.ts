import type { KubeObject } from '../../model/kube-object.ts';
import { asList, asText, fieldAt, joinPath, specOf } from '../fields.ts';
import type { Provision, Reference, ReferenceTarget } from '../references.ts';
import { credentialReferences, secretReference, secretRefReferences } from './credential-references.ts';
import { DEFAULT_STORE, LATTICE_GROUP, LATTICE_SYSTEM } from './lattice-names.ts';

/** Credentials of an InfraProvider or DNSProvider. */
export function providerReferences(object: KubeObject): readonly Reference[] {
  return credentialReferences('spec.credentials', fieldAt(object.spec, 'credentials'), 'required');
}

/** Credentials of an ImageProvider and the keys of the authorities it trusts. */
export function imageProviderReferences(object: KubeObject): readonly Reference[] {
  const authorities = asList(fieldAt(object.spec, 'trust', 'authorities'));
  const keys = authorities.flatMap((authority, index) =>
    credentialReferences(`${joinPath('spec.trust.authorities', index)}.key`, fieldAt(authority, 'key'), 'required'),
  );
  return [...providerReferences(object), ...keys];
}

/** Secrets that the settings of an External Secrets provider name. */
export function secretProviderReferences(object: KubeObject): readonly Reference[] {
  return secretRefReferences(specOf(object)['provider'], 'spec.provider', object.metadata.namespace ?? LATTICE_SYSTEM);
}

/** An ACME issuer cannot answer challenges before its DNSProvider is there. */
export function certIssuerReferences(object: KubeObject): readonly Reference[] {
  const references: Reference[] = [
    ...credentialReferences('spec.ca.credentials', fieldAt(object.spec, 'ca', 'credentials'), 'required'),
    ...credentialReferences('spec.vault.authCredentials', fieldAt(object.spec, 'vault', 'authCredentials'), 'required'),
  ];
  const secret = asText(fieldAt(object.spec, 'ca', 'secretRef', 'name'));
  if (secret !== undefined) {
    const namespace = asText(fieldAt(object.spec, 'ca', 'secretRef', 'namespace')) ?? LATTICE_SYSTEM;
    references.push(secretReference('spec.ca.secretRef.name', { namespace, name: secret }));
  }
  const dns = asText(fieldAt(object.spec, 'acme', 'dnsProviderRef'));
  if (dns === undefined) return references;
  const target = { group: LATTICE_GROUP, kind: 'DNSProvider', namespace: object.metadata.namespace ?? LATTICE_SYSTEM, name: dns };
  return [...references, { field: 'spec.acme.dnsProviderRef', target, wait: 'ready', reason: 'it answers ACME challenges by DNS', need: 'required' }];
}

/** Client secret of an OIDCProvider. */
export function oidcReferences(object: KubeObject): readonly Reference[] {
  const name = asText(fieldAt(object.spec, 'clientSecret', 'name'));
  if (name === undefined) return [];
  const namespace = asText(fieldAt(object.spec, 'clientSecret', 'namespace')) ?? LATTICE_SYSTEM;
  return [secretReference('spec.clientSecret.name', { namespace, name })];
}

/** Credentials of a BackupStore; accepted and not used by the platform, so nothing fails without them (`lattice-backup/src/backup_store_controller.rs`). */
export function backupStoreReferences(object: KubeObject): readonly Reference[] {
  return credentialReferences('spec.storage.credentials', fieldAt(object.spec, 'storage', 'credentials'), 'optional');
}

/** The store that backups without `storeRef` use is the default one in `lattice-system`. */
export function providedStore(object: KubeObject): readonly Provision[] {
  if (specOf(object)['default'] !== true || object.metadata.namespace !== LATTICE_SYSTEM) return [];
  return [{ target: { group: LATTICE_GROUP, kind: DEFAULT_STORE, namespace: LATTICE_SYSTEM, name: 'default' } }];
}

/** A LatticeClusterBackup looks for its store in its own namespace (`lattice-backup/src/cluster_backup_controller.rs`). */
export function clusterBackupReferences(object: KubeObject): readonly Reference[] {
  const store = asText(specOf(object)['storeRef']);
  const target: ReferenceTarget =
    store === undefined
      ? { group: LATTICE_GROUP, kind: DEFAULT_STORE, namespace: LATTICE_SYSTEM, name: 'default' }
      : { group: LATTICE_GROUP, kind: 'BackupStore', namespace: object.metadata.namespace ?? LATTICE_SYSTEM, name: store };
  return [{ field: 'spec.storeRef', target, wait: 'ready', reason: 'its Schedule names the store', need: 'required' }];
}

/** A mesh member that lets anybody in, or goes anywhere, needs a Cedar permit; one for a whole namespace needs the namespace. */
export function meshMemberReferences(object: KubeObject): readonly Reference[] {
  const spec = specOf(object);
  const callers = asList(spec['allowedCallers']).some((caller) => fieldAt(caller, 'name') === '*');
  const wildcard = callers || spec['dependsAll'] === true || spec['advertise'] !== undefined || asList(spec['egress']).length > 0;
  const references: Reference[] = [];
  if (wildcard) {
    const target = { group: LATTICE_GROUP, kind: 'CedarPolicy', namespace: LATTICE_SYSTEM, name: '*' };
    references.push({ field: 'spec', target, wait: 'ready', reason: 'Cedar denies wildcards and outside endpoints by default', need: 'optional' });
  }
  const namespace = asText(fieldAt(spec, 'target', 'namespace'));
  if (namespace === undefined) return references;
  const target = { group: '', kind: 'Namespace', name: namespace };
  return [...references, { field: 'spec.target.namespace', target, wait: 'applied', reason: 'it stands for that namespace', need: 'required' }];
}

/** A chart that goes to another namespace and does not make it itself needs that namespace. */
export function packageNamespaceReference(object: KubeObject): readonly Reference[] {
  const spec = specOf(object);
  const namespace = asText(spec['targetNamespace']);
  if (namespace === undefined || spec['createNamespace'] === true) return [];
  const target = { group: '', kind: 'Namespace', name: namespace };
  return [{ field: 'spec.targetNamespace', target, wait: 'applied', reason: 'the chart is installed there', need: 'required' }];
}

/** A chart that makes its own namespace brings it once it is installed. */
export function packageNamespace(object: KubeObject): readonly Provision[] {
  const namespace = asText(specOf(object)['targetNamespace']);
  if (namespace === undefined || specOf(object)['createNamespace'] !== true) return [];
  return [{ target: { group: '', kind: 'Namespace', name: namespace }, wait: 'ready' }];
}
