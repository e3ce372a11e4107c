import { TYPES } from '../../src/lab/reconcile/types.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { meshNamespace, secretPolicy, service } from '../integration/platform-objects.ts';

const to = (id: string): JsonObject => ({ type: 'service', direction: 'outbound', id });
const from = (id: string): JsonObject => ({ type: 'service', direction: 'inbound', id });
const both = (id: string): JsonObject => ({ type: 'service', direction: 'both', id });

/**
 * Six services whose arrows say little of what they need: `left` and `right` call each other, `front` calls one of them, `guest` uses a volume of `host`,
 * `reader` a secret that only the policy lets it read.
 */
export function tangle(namespace: string): { readonly services: readonly KubeObject[]; readonly needed: readonly KubeObject[] } {
  const shared = { type: 'volume', id: 'shared' };
  const secret = { type: 'secret', id: `key-${namespace}`, params: { provider: 'lattice-local', keys: ['token'] } };
  return {
    services: [
      service(namespace, 'front', { resources: { left: to('left') } }),
      service(namespace, 'left', { resources: { front: from('front'), right: both('right') } }),
      service(namespace, 'right', { resources: { left: both('left') } }),
      service(namespace, 'guest', { resources: { shared }, volumes: { '/shared': { source: '${resources.shared}' } } }),
      service(namespace, 'host', { resources: { shared: { ...shared, params: { size: '1Mi', allowedConsumers: ['guest'] } } } }),
      service(namespace, 'reader', { resources: { key: secret }, variables: { KEY: '${secret.key.token}' } }),
    ],
    needed: [meshNamespace(namespace), secretPolicy(namespace)],
  };
}

/** The order that follows from the arrows between services alone: each after all it calls. What is in a cycle, or calls into one, never has its turn. */
export function orderByArrows(services: readonly KubeObject[]): { readonly order: readonly string[]; readonly never: readonly string[] } {
  const calls = new Map(services.map((object) => [object.metadata.name, callsOf(object)]));
  const order: string[] = [];
  for (;;) {
    const next = [...calls].find(([name, called]) => !order.includes(name) && called.every((peer) => order.includes(peer)));
    if (next === undefined) return { order, never: [...calls.keys()].filter((name) => !order.includes(name)) };
    order.push(next[0]);
  }
}

interface Reference {
  readonly type: string;
  readonly direction?: string;
  readonly id?: string;
}

/** Names of the services it calls. */
function callsOf(object: KubeObject): readonly string[] {
  const { resources } = (object.spec?.['workload'] ?? { resources: {} }) as unknown as { readonly resources: Readonly<Record<string, Reference>> };
  return Object.entries(resources).flatMap(([key, { type, direction, id = key }]) => (type === 'service' && direction !== 'inbound' ? [id] : []));
}

/** What an export of a whole cluster finds besides what people wrote: a restore that was done, a job that has run, a policy that came from the parent. */
export function leftovers(namespace: string): readonly KubeObject[] {
  const job = { containers: { main: { image: 'registry.lab.test/migrate:1', command: ['lab-app'], args: ['--once'] } } };
  return [
    meshNamespace(namespace),
    { ...TYPES.LatticeRestore, metadata: { namespace: 'lattice-system', name: `done-${namespace}` }, spec: { backupName: 'of-last-year' } },
    { ...TYPES.LatticeJob, metadata: { namespace, name: 'migrate' }, spec: { tasks: { main: { replicas: 1, restartPolicy: 'Never', workload: job } } } },
    {
      ...TYPES.CedarPolicy,
      metadata: { namespace: 'lattice-system', name: `management--${namespace}`, labels: { 'lattice.dev/inherited': 'true' } },
      spec: { policies: 'forbid(principal, action == Lattice::Action::"AccessSecret", resource) when { principal.namespace == "nobody" };' },
    },
  ];
}
