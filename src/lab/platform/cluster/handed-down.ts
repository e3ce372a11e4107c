import { digestOfJson } from '../../../model/digest.ts';
import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import type { Caches } from '../../reconcile/caches.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { LATTICE_SECRETS, LATTICE_SYSTEM } from '../context.ts';

/** Name of the root CA's Secret. */
export const CA_SECRET = 'lattice-ca';

/** The types whose objects `handedDown` reads. */
export const HANDED_DOWN_TYPES = [
  TYPES.Secret,
  TYPES.InfraProvider,
  TYPES.SecretProvider,
  TYPES.CedarPolicy,
  TYPES.OIDCProvider,
  TYPES.ImageProvider,
  TYPES.LatticePackage,
];

/**
 * What a parent gives each child, in the order it is applied: Secrets marked for it and the CA, providers, and policies under the name
 * `<parent>--<name>`. Not DNSProviders, CertIssuers, quotas, backup kinds or workloads: those a rebuilt child needs from elsewhere (F16).
 */
export function handedDown(parent: string, caches: Caches): readonly KubeObject[] {
  const oidc = caches.list(TYPES.OIDCProvider, LATTICE_SYSTEM).filter((object) => object.spec?.['propagate'] !== false);
  const named = new Set([CA_SECRET, ...oidc.map((object) => (object.spec?.['clientSecret'] as { name?: string } | null | undefined)?.name ?? '')]);
  const secrets = [...caches.list(TYPES.Secret, LATTICE_SYSTEM), ...caches.list(TYPES.Secret, LATTICE_SECRETS)].filter(
    (secret) =>
      secret.metadata.labels?.['lattice.dev/distribute'] === 'true' || (secret.metadata.namespace === LATTICE_SYSTEM && named.has(secret.metadata.name)),
  );
  const cedar = caches.list(TYPES.CedarPolicy, LATTICE_SYSTEM).filter(({ spec }) => spec?.['enabled'] !== false && spec?.['propagate'] !== false);
  return [
    ...secrets.map(exported),
    ...caches.list(TYPES.InfraProvider, LATTICE_SYSTEM).map(exported),
    ...caches.list(TYPES.SecretProvider, LATTICE_SYSTEM).map(exported),
    ...[...cedar, ...oidc].map((object) => inherited(object, parent)),
    ...caches.list(TYPES.ImageProvider, LATTICE_SYSTEM).map(exported),
    ...caches
      .list(TYPES.LatticePackage)
      .filter(({ spec }) => spec?.['propagate'] === true)
      .map(exported),
  ];
}

/** Digest by which parent and child tell whether the child is up to date. */
export function digestOfResources(objects: readonly KubeObject[]): string {
  return digestOfJson(objects as unknown as readonly JsonObject[]);
}

/** The root CA's key, from which agents' credentials are derived; `undefined` before it exists. */
export function caKey(caches: Caches): string | undefined {
  const secret = caches.get(namespaced(TYPES.Secret, LATTICE_SYSTEM, CA_SECRET));
  return (secret?.['data'] as Readonly<Record<string, string>> | undefined)?.['tls.key'];
}

/** Without what belongs to one cluster (upstream `strip_export_metadata`), and without status. */
export function exported(object: KubeObject): KubeObject {
  const { name, namespace, labels, annotations } = object.metadata;
  const { status: _status, metadata: _metadata, ...rest } = object;
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  return { ...rest, apiVersion: object.apiVersion, kind: object.kind, metadata };
}

function inherited(object: KubeObject, parent: string): KubeObject {
  const clean = exported(object);
  const labels = {
    ...clean.metadata.labels,
    'lattice.dev/inherited': 'true',
    'lattice.dev/origin-cluster': parent,
    'lattice.dev/original-name': object.metadata.name,
  };
  return { ...clean, metadata: { ...clean.metadata, name: `${parent}--${object.metadata.name}`, labels } };
}
