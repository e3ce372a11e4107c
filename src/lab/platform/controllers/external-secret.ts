import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { type Controller, objectKey, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { LATTICE_SECRETS, type PlatformContext, timestamp } from '../context.ts';
import { ownedBy } from '../owner.ts';

const MANAGER = 'external-secrets';

interface ExternalSecretSpec {
  readonly secretStoreRef: { readonly name: string };
  readonly target: { readonly name: string; readonly template?: { readonly type?: string } };
  readonly data?: readonly { readonly secretKey: string; readonly remoteRef: { readonly key: string; readonly property?: string } }[];
  readonly dataFrom?: readonly { readonly extract: { readonly key: string } }[];
}

/**
 * External Secrets: fills a Secret, owned by its ExternalSecret, from a store. Every store of the lab answers from the namespace `lattice-secrets`, as the
 * built-in one does: those Secrets are originals, and without them nothing that needs a secret comes up (F34).
 */
export function externalSecretController(context: PlatformContext): Controller {
  const fromSource = (secret: KubeObject): readonly string[] =>
    secret.metadata.namespace === LATTICE_SECRETS
      ? context.caches
          .list(TYPES.ExternalSecret)
          .filter((object) => reads(object, secret.metadata.name))
          .map(objectKey)
      : [];
  return {
    name: 'external-secret',
    watches: [
      { type: TYPES.ExternalSecret, keys: ownKey },
      { type: TYPES.Secret, keys: fromSource },
      {
        type: TYPES.ClusterSecretStore,
        keys: (store) =>
          context.caches
            .list(TYPES.ExternalSecret)
            .filter((object) => storeOf(object) === store.metadata.name)
            .map(objectKey),
      },
    ],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const object = context.caches.get(namespaced(TYPES.ExternalSecret, namespace, name));
      if (object === undefined) return undefined;
      const found = dataOf(object, context);
      if (typeof found !== 'string') await context.kube.apply(secretOf(object, found), { fieldManager: MANAGER, force: true, signal });
      const status =
        typeof found === 'string'
          ? { status: 'False', reason: 'SecretSyncedError', message: found }
          : { status: 'True', reason: 'SecretSynced', message: 'secret synced' };
      const before = (object.status?.['conditions'] as readonly JsonObject[] | undefined)?.[0];
      const isSame = before?.['status'] === status.status && before['message'] === status.message;
      const lastTransitionTime = isSame ? before['lastTransitionTime'] : timestamp(context.clock);
      await writeStatus(object, { conditions: [{ type: 'Ready', ...status, lastTransitionTime }] }, { kube: context.kube, fieldManager: MANAGER, signal });
      return undefined;
    },
  };
}

/** The Secret's data in base64, or why there is none. */
function dataOf(object: KubeObject, { caches }: PlatformContext): Readonly<Record<string, string>> | string {
  const { secretStoreRef, data = [], dataFrom = [] } = specOf(object);
  if (caches.get({ ...TYPES.ClusterSecretStore, name: secretStoreRef.name }) === undefined) return `ClusterSecretStore "${secretStoreRef.name}" not found`;
  const found: Record<string, string> = {};
  for (const { extract } of dataFrom) {
    const source = caches.get(namespaced(TYPES.Secret, LATTICE_SECRETS, extract.key));
    if (source === undefined) return `secret ${extract.key} not found in the store`;
    Object.assign(found, source['data']);
  }
  for (const { secretKey, remoteRef } of data) {
    const source = caches.get(namespaced(TYPES.Secret, LATTICE_SECRETS, remoteRef.key));
    const value = (source?.['data'] as Readonly<Record<string, string>> | undefined)?.[remoteRef.property ?? secretKey];
    if (value === undefined) return `secret ${remoteRef.key} or its property ${remoteRef.property ?? secretKey} not found in the store`;
    found[secretKey] = value;
  }
  return found;
}

function secretOf(object: KubeObject, data: Readonly<Record<string, string>>): KubeObject {
  const { target } = specOf(object);
  const { namespace = '', labels = {} } = object.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: target.name, labels: { ...labels, 'reconcile.external-secrets.io/managed': 'true' }, ownerReferences: [ownedBy(object)] },
    type: target.template?.type ?? 'Opaque',
    data,
  };
}

function reads(object: KubeObject, source: string): boolean {
  const { data = [], dataFrom = [] } = specOf(object);
  return data.some((entry) => entry.remoteRef.key === source) || dataFrom.some((entry) => entry.extract.key === source);
}

function storeOf(object: KubeObject): string {
  return specOf(object).secretStoreRef.name;
}

function specOf(object: KubeObject): ExternalSecretSpec {
  return object.spec as unknown as ExternalSecretSpec;
}
