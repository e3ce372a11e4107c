import type { JsonObject } from '../../../src/model/json.ts';

/** A member of a control plane as `etcd/inventory` finds it, with data and without an answer. */
export function memberOf(node: string): JsonObject {
  return {
    node,
    address: '10.0.0.11',
    name: node,
    peerUrl: 'https://10.0.0.11:2380',
    endpoint: 'https://127.0.0.1:2379',
    dataDir: '/var/lib/etcd',
    hasData: true,
    components: ['etcd'],
    securePort: 6443,
  };
}
