import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { withMember } from './member-access.ts';
import { machinesOf, type PlaneMachine } from './plane.ts';
import { apiFaults, memberFaults, PROOF, untilEndpoints } from './proof.ts';
import { leading, replaceWith } from './replacement-schema.ts';

type Ctx = ReadContext<z.output<typeof replaceWith>, StepPorts>;

/** Machines whose members vote now: the new one and those that were left. */
async function voting(ctx: Ctx): Promise<readonly PlaneMachine[]> {
  const { node: name, others } = ctx.with.replacement;
  return (await machinesOf(ctx)).filter(({ node }) => node.name === name || others.includes(node.name));
}

/** Those of them that an API server is defined on: of an external etcd none is. */
async function serving(ctx: Ctx): Promise<readonly PlaneMachine[]> {
  return (await voting(ctx)).filter(({ member }) => member.components.includes('kube-apiserver'));
}

/** Proves that the member that was put there is one of them: same members, same content, and its API server serves it. */
export const etcdCompare = defineStep({
  kind: 'etcd/compare',
  version: 1,
  summary: 'proves that the new member has what the others have, and that every API server writes and reads it',
  verifies: 'HashKV at one revision, list of members, write and read through each API server, endpoints of the service kubernetes',
  byHand: [
    '`etcdctl endpoint hashkv --cluster`: equal; `etcdctl member list` on each: equal, no learner',
    'write a ConfigMap through each API server and read it through the others',
  ],
  with: replaceWith,
  outputs: z.object({ members: z.number() }),
  risk: 'reversible',
  safety: true,
  timeoutMs: 15 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe() {
    // Of the moment: always proven again.
    return { state: 'absent', evidence: {} };
  },
  plan: async () => [{ verb: 'configure', subject: `ConfigMap ${PROOF.namespace}/${PROOF.name}`, note: 'written through each API server' }],
  async execute(ctx) {
    const all = await serving(ctx);
    await untilEndpoints(all, ctx);
    const faults = await apiFaults(all, ctx);
    if (faults.length > 0) throw new DrError({ code: 'VERIFY_FAILED', message: faults.join('; ') });
  },
  async verify(ctx) {
    const all = await voting(ctx);
    try {
      const { clusterId } = await withMember(await leading(ctx), ctx, async (etcd) => await etcd.status(ctx.signal));
      const faults = await memberFaults(all, ctx, { clusterId, count: ctx.with.replacement.members });
      if (faults.length > 0) return { ok: false, reason: faults.join('; '), evidence: {} };
    } catch (error) {
      if (!isDrError(error, 'ETCD_UNAVAILABLE')) throw error;
      return { ok: false, reason: error.message, evidence: {} };
    }
    return { ok: true, outputs: { members: all.length }, evidence: { members: all.map(({ node }) => node.name) } };
  },
});
