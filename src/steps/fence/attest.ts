import { z } from 'zod';
import { NO_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { FENCE_EXPIRES_MS, planFence } from '../../model/plan/fence.ts';
import { defineStep } from '../define-step.ts';
import { expiryOf, isExpired } from '../fence-expiry.ts';
import { openParent } from '../parent.ts';
import { latticeClusterRef } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';

const withSchema = z.object({ proves: z.string(), cluster: planCluster, fence: planFence.exactOptional() });
const outputs = z.object({
  attestedBy: z.string(),
  attestedAt: z.string(),
  /** Until when it counts, ISO 8601, UTC. */
  expiresAt: z.string(),
});
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;

/** Facts a person should see before stating anything: what the parent last heard from the old cluster. They are no proof. */
async function facts(ctx: Ctx): Promise<string> {
  if (ctx.with.cluster.parent === undefined) return 'no parent to ask about the old cluster';
  try {
    const parent = await openParent(ctx);
    const object = await parent.get(latticeClusterRef(ctx.run.cluster), ctx.signal);
    const { phase = 'absent', lastHeartbeat = 'never' } = (object?.status ?? {}) as { phase?: string; lastHeartbeat?: string };
    return `the parent shows phase ${phase}, last heartbeat ${lastHeartbeat}`;
  } catch (error) {
    if (!isDrError(error)) throw error;
    return `the parent could not be asked: ${error.message}`;
  }
}

/** The last statement, and until when it counts. */
function lastStatement(ctx: Ctx): { readonly text: string; readonly counts: boolean; readonly outputs: z.output<typeof outputs> } | undefined {
  const last = ctx.attestations.at(-1);
  if (last === undefined) return undefined;
  const expiresAt = expiryOf(last.at, ctx.with.fence?.expires ?? FENCE_EXPIRES_MS);
  return { text: last.text, counts: !isExpired(expiresAt, ctx.clock.now()), outputs: { attestedBy: last.by, attestedAt: last.at, expiresAt } };
}

/**
 * Takes a person's statement that the old cluster cannot act, or cannot write outside. It is recorded by the step's `attest` gate; nothing here can
 * check it, so it counts as attested and never as verified, and not for longer than the plan says: then the question is
 * another one, so that no earlier answer to it stands.
 */
export const fenceAttest = defineStep({
  kind: 'fence/attest',
  version: 2,
  summary: 'records who states that the old cluster is fenced',
  verifies: 'shows who stated it and when: attested, not verified',
  byHand: [
    'switch off machines, or revoke the credentials with which the old cluster writes to buckets, DNS and databases',
    'write down what you did, how you checked it, the time and your name',
  ],
  with: withSchema,
  outputs,
  risk: 'read-only',
  safety: true,
  timeoutMs: 60_000,
  retry: NO_RETRY,
  effects: [],
  // What somebody stated was about what they were shown.
  whenChanged: 'refuse',
  async observe(ctx) {
    const last = lastStatement(ctx);
    if (last === undefined) return { state: 'absent', evidence: {} };
    if (!last.counts) return { state: 'absent', evidence: { expired: { ...last.outputs } } };
    return { state: 'present', outputs: last.outputs, evidence: { attested: last.text } };
  },
  async plan(ctx) {
    const last = lastStatement(ctx);
    const before =
      last === undefined || last.counts ? '' : `; what ${last.outputs.attestedBy} stated at ${last.outputs.attestedAt} expired at ${last.outputs.expiresAt}`;
    return [{ verb: 'run', subject: `a person states: ${ctx.with.proves}`, note: `${await facts(ctx)}${before}` }];
  },
  async execute(ctx) {
    const last = lastStatement(ctx);
    if (last?.counts === true) return;
    throw new DrError({
      code: 'FENCE_NOT_PROVEN',
      message: `nobody has stated ${last === undefined ? '' : `after ${last.outputs.expiresAt} `}that ${ctx.with.proves}`,
      suggestions: [`lattice-dr resume ${ctx.run.id} --attest '${ctx.step}=<what you checked, and how>'`],
    });
  },
  async verify(ctx) {
    const last = lastStatement(ctx);
    if (last?.counts !== true) return { ok: false, reason: `no statement ${last === undefined ? 'is recorded' : 'counts any more'}`, evidence: {} };
    return { ok: true, outputs: last.outputs, evidence: { attested: last.text, facts: await facts(ctx) } };
  },
});
