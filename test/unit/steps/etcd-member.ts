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

/** What `etcd/stage` has prepared to be restored on a machine whose member founds the cluster anew; nobody joins it. */
export function preparedFor(node: string, unpaused: readonly string[] = []): JsonObject {
  return {
    path: '/runs/prepared.db',
    sha256: 'ab',
    sizeBytes: 1,
    hashKv: { hash: 1, revision: '1', compactRevision: '1' },
    objects: 1,
    sourceRevision: '1',
    changes: { paused: [], unpaused: [...unpaused], alarms: [], leases: 0, masterLeases: 0 },
    seed: { node, name: node, peerUrl: 'https://10.0.0.11:2380', joining: [] },
    identity: { token: 'new', memberId: '1', clusterId: '2' },
  };
}
