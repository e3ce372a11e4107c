import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { type Controller, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { isObserved, phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';

const MANAGER = 'lattice-secret-provider-controller';

/** SecretProvider: a ClusterSecretStore of the same name, then Ready. A restored Ready status means that the store is never made (F36). */
export function secretProviderController(context: PlatformContext): Controller {
  return {
    name: 'secret-provider',
    watches: [{ type: TYPES.SecretProvider, keys: ownKey }],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const provider = context.caches.get(namespaced(TYPES.SecretProvider, namespace, name));
      if (provider === undefined || (phaseOf(provider) === 'Ready' && isObserved(provider))) return undefined;
      const settings = (provider.spec?.['provider'] ?? {}) as JsonObject;
      const providerType = Object.keys(settings)[0];
      const write = { kube: context.kube, fieldManager: MANAGER, signal };
      if (providerType === undefined || Object.keys(settings).length !== 1) {
        const message = 'spec.provider must have exactly one provider';
        await writeStatus(provider, { phase: 'Failed', message, observedGeneration: provider.metadata.generation }, write);
        return context.lab.behaviour.retryIntervalMs;
      }
      await context.kube.apply(secretStore(name, settings), { fieldManager: MANAGER, force: true, signal });
      await writeStatus(provider, { phase: 'Ready', providerType, observedGeneration: provider.metadata.generation }, write);
      return undefined;
    },
  };
}

/** The store of a SecretProvider. */
export function secretStore(name: string, provider: JsonObject): KubeObject {
  const labels = { 'app.kubernetes.io/managed-by': 'lattice', 'lattice.dev/secrets-provider': name };
  return { ...TYPES.ClusterSecretStore, metadata: { name, labels }, spec: { provider } };
}
