import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../../engine/step.ts';
import { DrError } from '../../../errors/dr-error.ts';
import { rke2Inventory } from '../../../etcd/presets/rke2-facts.ts';
import { notByLineReasons } from '../../../etcd/presets/rke2-procedure.ts';
import { defineStep } from '../../define-step.ts';
import type { StepPorts } from '../../ports.ts';
import { keptJson, observeKept, readKept } from '../kept.ts';
import { answeringMachines, ask, planeWith } from '../plane.ts';

const outputs = z.object({ servers: z.array(z.object({ node: z.string(), tokenSha256: z.string().optional(), serverUrlIn: z.array(z.string()) })) });
const FILE = 'rke2.json';
type Ctx = ReadContext<z.output<typeof planeWith>, StepPorts>;

/** How the servers are set up. Throws `CONTROL_PLANE_NOT_READY` for what a reset could not be done with, before anything is touched. */
async function look(ctx: Ctx): Promise<z.output<typeof outputs>> {
  const found = await Promise.all(
    (await answeringMachines(ctx)).map(async ({ node }) => ({ node: node.name, facts: await ask(node, rke2Inventory(), ctx.signal) })),
  );
  const reasons = [
    ...found.filter(({ facts }) => facts.tokenSha256 === undefined).map(({ node }) => `${node} has no token, and without it a snapshot cannot be read`),
    ...(new Set(found.flatMap(({ facts }) => facts.tokenSha256 ?? [])).size > 1
      ? ['the servers have different tokens; only one of them opens the snapshot']
      : []),
    ...found.filter(({ facts }) => facts.resetFlag).map(({ node }) => `${node} has been reset and not been started since: start it, or remove its reset-flag`),
    ...found.flatMap(({ node, facts }) => facts.withoutProgram.map((program) => `${node} has no ${program} in /usr/local/bin, /usr/bin or /opt/rke2/bin`)),
    ...found.flatMap(({ node, facts }) => notByLineReasons(node, facts)),
  ];
  if (reasons.length > 0)
    throw new DrError({ code: 'CONTROL_PLANE_NOT_READY', message: reasons.join('; '), suggestions: ['put that right on the machines, and start again'] });
  return {
    servers: found.map(({ node, facts: { tokenSha256, serverUrlIn } }) => ({
      node,
      ...(tokenSha256 === undefined ? {} : { tokenSha256 }),
      serverUrlIn: [...serverUrlIn],
    })),
  };
}

/** Reads how each server of rke2 is set up; writes nothing. */
export const etcdRke2Facts = defineStep({
  kind: 'rke2/facts',
  version: 1,
  summary: 'finds out how each server of rke2 is set up: token, whom it joins, what resets have left',
  verifies: 'the facts are kept with the run; tokens only by their digests',
  byHand: ['on each server read /etc/rancher/rke2/config.yaml and config.yaml.d; compare the digests of /var/lib/rancher/rke2/server/token'],
  with: planeWith,
  outputs,
  risk: 'read-only',
  safety: true,
  timeoutMs: 5 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  observe: async (ctx) => await observeKept(ctx, FILE, outputs),
  plan: async ({ with: { controlPlane } }) => [{ verb: 'run', subject: `look at rke2 on ${controlPlane.nodes.map(({ name }) => name).join(', ')}` }],
  async execute(ctx) {
    await ctx.keep(FILE, keptJson(await look(ctx)));
  },
  async verify(ctx) {
    const kept = await readKept(ctx, FILE, outputs);
    if (kept === undefined) return { ok: false, reason: 'the facts are not kept with the run', evidence: {} };
    return {
      ok: true,
      outputs: kept,
      evidence: { servers: kept.servers.map(({ node, serverUrlIn }) => `${node}: ${serverUrlIn.join(', ') || 'no server:'}`) },
    };
  },
});
