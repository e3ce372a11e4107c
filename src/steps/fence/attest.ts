import { z } from 'zod';
import { NO_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { defineStep } from '../define-step.ts';
import { openParent } from '../parent.ts';
import { latticeClusterRef } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';

const withSchema = z.object({ proves: z.string(), cluster: planCluster });
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

/**
 * Takes a person's statement that the old cluster cannot act, or cannot write outside. It is recorded by the step's `attest` gate; nothing here can
 * check it, so it counts as attested and never as verified.
 */
export const fenceAttest = defineStep({
  kind: 'fence/attest',
  version: 1,
  summary: 'records who states that the old cluster is fenced',
  verifies: 'shows who stated it and when: attested, not verified',
  byHand: [
    'switch off machines, or revoke the credentials with which the old cluster writes to buckets, DNS and databases',
    'write down what you did, how you checked it, the time and your name',
  ],
  with: withSchema,
  outputs: z.object({ attestedBy: z.string(), attestedAt: z.string() }),
  risk: 'read-only',
  safety: true,
  timeoutMs: 60_000,
  retry: NO_RETRY,
  effects: [],
  // What somebody stated was about what they were shown.
  whenChanged: 'refuse',
  async observe(ctx) {
    const last = ctx.attestations.at(-1);
    if (last === undefined) return { state: 'absent', evidence: {} };
    return { state: 'present', outputs: { attestedBy: last.by, attestedAt: last.at }, evidence: { attested: last.text } };
  },
  async plan(ctx) {
    return [{ verb: 'run', subject: `a person states: ${ctx.with.proves}`, note: await facts(ctx) }];
  },
  async execute(ctx) {
    if (ctx.attestations.length > 0) return;
    throw new DrError({
      code: 'FENCE_NOT_PROVEN',
      message: `nobody has stated that ${ctx.with.proves}`,
      suggestions: [`lattice-dr resume ${ctx.run.id} --attest '${ctx.step}=<what you checked, and how>'`],
    });
  },
  async verify(ctx) {
    const last = ctx.attestations.at(-1);
    if (last === undefined) return { ok: false, reason: 'no statement is recorded', evidence: {} };
    return { ok: true, outputs: { attestedBy: last.by, attestedAt: last.at }, evidence: { attested: last.text, facts: await facts(ctx) } };
  },
});
