import type { JsonObject } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { ownedBy } from './owner.ts';

export interface ExternalSecretFacts {
  readonly namespace: string;
  /** Of the ExternalSecret and of the Secret it becomes. */
  readonly name: string;
  /** ClusterSecretStore, which is named as its SecretProvider. */
  readonly store: string;
  readonly remoteKey: string;
  /** Fields to take; all of them if absent. */
  readonly keys?: readonly string[] | undefined;
  readonly type?: string;
  readonly owner?: KubeObject;
  /** Service on whose behalf it is, for its label. */
  readonly service?: string;
}

/** An ExternalSecret as the platform writes it (upstream `lattice-secret-provider/src/eso.rs`). */
export function externalSecret(facts: ExternalSecretFacts): KubeObject {
  const { namespace, name, store, remoteKey, keys, type, owner, service } = facts;
  const labels = { 'app.kubernetes.io/managed-by': 'lattice', ...(service === undefined ? {} : { 'lattice.dev/service': service }) };
  const source: JsonObject =
    keys === undefined
      ? { dataFrom: [{ extract: { key: remoteKey } }] }
      : { data: keys.map((key) => ({ secretKey: key, remoteRef: { key: remoteKey, property: key } })) };
  return {
    apiVersion: 'external-secrets.io/v1',
    kind: 'ExternalSecret',
    metadata: { namespace, name, labels, ...(owner === undefined ? {} : { ownerReferences: [ownedBy(owner)] }) },
    spec: {
      refreshInterval: '1h',
      secretStoreRef: { kind: 'ClusterSecretStore', name: store },
      target: { name, creationPolicy: 'Owner', ...(type === undefined ? {} : { template: { engineVersion: 'v2', type } }) },
      ...source,
    },
  };
}
