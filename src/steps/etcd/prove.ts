import { defineProof } from './define-proof.ts';
import { clusterOf, fencedWith } from './fence-schema.ts';
import { machinesOf } from './plane.ts';

/** Proves that what was restored and grown is one etcd with one content, and that every API server serves it. */
export const etcdProve = defineProof({
  kind: 'etcd/prove',
  summary: 'proves that all members are one cluster with one content, and that every API server writes and reads it',
  byHand: [
    '`etcdctl endpoint hashkv --cluster`: equal; `etcdctl member list` on each: equal, no learner',
    'write a ConfigMap through each API server and read it through the others; `kubectl get endpointslices -n default`: only living ones',
  ],
  with: fencedWith,
  async voting(ctx) {
    const { seed } = ctx.with.prepared;
    return (await machinesOf(ctx)).filter(({ node: { name } }) => name === seed.node || seed.joining.includes(name));
  },
  wanted: async (ctx, voting) => ({ clusterId: clusterOf(ctx.with), count: voting.length }),
});
