import type { EncryptedValue } from './encryption/decrypt.ts';
import { isAuthorityKey } from './pki/inside.ts';
import { KUBE_SYSTEM_KEY, REGISTRY, resourceOfKey, uidOf } from './registry.ts';
import type { StoredPair } from './stored-pairs.ts';

/** What an API server keeps in an etcd, counted. */
export interface SnapshotContent {
  readonly resources: Readonly<Record<string, number>>;
  /** `provider:version:key name` of every form of encryption. */
  readonly encryption: readonly string[];
  /** One value of every form of encryption of every resource: if it can be read, the others can. */
  readonly samples: readonly EncryptedValue[];
  /** Values that may hold an authority of the cluster; the first few hundred. */
  readonly authorities: readonly EncryptedValue[];
  /** Keys whose value is no object in any form that an API server writes; the first few. */
  readonly unknown: readonly string[];
  /** Of the keys that every cluster has, those that are absent. */
  readonly missing: readonly string[];
  readonly clusterUid?: string;
}

/** Every API server makes these by itself (kube-apiserver `controlplane/controller/{systemnamespaces,kubernetesservice}`). */
const REQUIRED = [`${REGISTRY}namespaces/default`, KUBE_SYSTEM_KEY, `${REGISTRY}services/specs/default/kubernetes`];
/** As many keys of a kind are named; the rest are like them. */
const NAMED = 5;
/** A management cluster has four of them for each cluster. */
const AUTHORITY_VALUES = 400;

/** Looks at every pair of the registry once, and at the value of few. */
export async function readContent(pairs: AsyncIterable<StoredPair> | Iterable<StoredPair>): Promise<SnapshotContent> {
  const resources = new Map<string, number>();
  const encryption = new Set<string>();
  const samples = new Map<string, EncryptedValue>();
  const authorities: EncryptedValue[] = [];
  const unknown: string[] = [];
  const missing = new Set(REQUIRED);
  let clusterUid: string | undefined;
  for await (const { key, kind, value } of pairs) {
    const resource = resourceOfKey(key) ?? key;
    resources.set(resource, (resources.get(resource) ?? 0) + 1);
    missing.delete(key);
    if (kind.form === 'encrypted') {
      const form = `${kind.provider}:${kind.keyName}`;
      encryption.add(form);
      if (!samples.has(`${resource} ${form}`)) samples.set(`${resource} ${form}`, { resource, key, value: await value() });
    }
    if (isAuthorityKey(key) && authorities.length < AUTHORITY_VALUES) authorities.push({ resource, key, value: await value() });
    if (kind.form === 'other' && unknown.length < NAMED) unknown.push(key);
    if (key === KUBE_SYSTEM_KEY) clusterUid = uidOf(await value());
  }
  const sorted = Object.fromEntries([...resources].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return {
    resources: sorted,
    encryption: [...encryption].toSorted(),
    samples: [...samples.values()],
    authorities,
    unknown,
    missing: [...missing],
    ...(clusterUid === undefined ? {} : { clusterUid }),
  };
}
