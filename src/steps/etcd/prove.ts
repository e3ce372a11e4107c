import { z } from 'zod';
import { DEFAULT_RETRY, type StepContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { fencedWith } from './fence-schema.ts';
import { machinesOf, type PlaneMachine } from './plane.ts';
import { apiFaults, memberFaults, PROOF, untilEndpoints } from './proof.ts';

type Ctx = StepContext<z.output<typeof fencedWith>, StepPorts>;

/** Machines whose members make up the cluster now. */
async function grown(ctx: Ctx): Promise<readonly PlaneMachine[]> {
  const { seed } = ctx.with.prepared;
  return (await machinesOf(ctx)).filter(({ node: { name } }) => name === seed.node || seed.joining.includes(name));
}

/** Proves that there is one etcd with one content, and that every API server serves it. */
export const etcdProve = defineStep({
  kind: 'etcd/prove',
  version: 1,
  summary: 'proves that all members are one cluster with one content, and that every API server writes and reads it',
  verifies: 'HashKV at one revision, list of members, write and read through each API server, endpoints of the service kubernetes',
  byHand: [
    '`etcdctl endpoint hashkv --cluster`: equal; `etcdctl member list` on each: equal, no learner',
    'write a ConfigMap through each API server and read it through the others; `kubectl get endpointslices -n default`: only living ones',
  ],
  with: fencedWith,
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
    const all = await grown(ctx);
    await untilEndpoints(all, ctx);
    const faults = await apiFaults(all, ctx);
    if (faults.length > 0) throw new DrError({ code: 'VERIFY_FAILED', message: faults.join('; ') });
  },
  async verify(ctx) {
    const all = await grown(ctx);
    try {
      const faults = await memberFaults(all, ctx, { clusterId: ctx.with.prepared.identity.clusterId, count: all.length });
      if (faults.length > 0) return { ok: false, reason: faults.join('; '), evidence: {} };
    } catch (error) {
      if (!isDrError(error, 'ETCD_UNAVAILABLE')) throw error;
      return { ok: false, reason: error.message, evidence: {} };
    }
    const endpoints = await untilEndpoints(all, ctx);
    return { ok: true, outputs: { members: all.length }, evidence: { members: all.map(({ node }) => node.name), endpoints: [...endpoints] } };
  },
});
