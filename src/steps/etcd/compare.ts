import { defineProof } from './define-proof.ts';
import { withMember } from './member-access.ts';
import { machinesOf } from './plane.ts';
import { leading, replaceWith } from './replacement-schema.ts';

/** Proves that the member that was put there is one of them: same members, same content, and its API server serves it. */
export const etcdCompare = defineProof({
  kind: 'etcd/compare',
  summary: 'proves that the new member has what the others have, and that every API server writes and reads it',
  byHand: [
    '`etcdctl endpoint hashkv --cluster`: equal; `etcdctl member list` on each: equal, no learner',
    'write a ConfigMap through each API server and read it through the others',
  ],
  with: replaceWith,
  async voting(ctx) {
    const { node: name, others } = ctx.with.replacement;
    return (await machinesOf(ctx)).filter(({ node }) => node.name === name || others.includes(node.name));
  },
  async wanted(ctx) {
    const { clusterId } = await withMember(await leading(ctx), ctx, async (etcd) => await etcd.status(ctx.signal));
    return { clusterId, count: ctx.with.replacement.members };
  },
});
