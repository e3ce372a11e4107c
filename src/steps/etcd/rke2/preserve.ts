import { z } from 'zod';
import { DEFAULT_RETRY } from '../../../engine/step.ts';
import { HASH_MS } from '../../../etcd/presets/aside.ts';
import { isRke2Preserved, preserveRke2 } from '../../../etcd/presets/rke2-data.ts';
import { defineStep } from '../../define-step.ts';
import { fenceAgain, fencedWith } from '../fence-schema.ts';
import { requireFenced } from '../fenced.ts';
import { ask, type PlaneNode, tell } from '../plane.ts';
import { type Rke2Ctx, serversOf } from './servers.ts';

async function open(ctx: Rke2Ctx): Promise<readonly PlaneNode[]> {
  const { seed, joining } = await serversOf(ctx);
  const found = await Promise.all([seed, ...joining].map(async ({ node }) => ((await ask(node, isRke2Preserved(ctx.run.id), ctx.signal)) ? [] : [node])));
  return found.flat();
}

/** Moves the database of every server but the seed aside, so that each joins anew; the reset does it on the seed, of which is noted what there was. */
export const etcdRke2Preserve = defineStep({
  kind: 'rke2/preserve',
  version: 1,
  summary: 'puts the database of every server of rke2 aside, and notes on the first one what a reset will put aside',
  verifies: 'each server says that it is done, and has a copy of its token and a list of files with their SHA-256',
  byHand: ['on each server but the first: `mv /var/lib/rancher/rke2/server/db /var/lib/rancher/rke2/server/db.lattice-dr-RUN`; copy server/token of each'],
  with: fencedWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: true,
  timeoutMs: 40 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'put-aside', destroys: 'nothing: the database of a server is renamed' }],
  async observe(ctx) {
    const left = await open(ctx);
    if (left.length === 0) return { state: 'present', outputs: {}, evidence: {} };
    const isNone = left.length === ctx.with.prepared.seed.joining.length + 1;
    return { state: isNone ? 'absent' : 'partial', evidence: { open: left.map(({ name }) => name) } };
  },
  plan: async ({ with: { prepared } }) =>
    prepared.seed.joining.map((node) => ({ verb: 'configure' as const, subject: `server/db on ${node}`, note: 'renamed' })),
  async execute(ctx) {
    await requireFenced(ctx, fenceAgain(ctx.with));
    for (const node of await open(ctx)) {
      await ctx.effect({
        name: 'put-aside',
        key: node.name,
        timeoutMs: HASH_MS,
        check: async () => ((await ask(node, isRke2Preserved(ctx.run.id), ctx.signal)) ? { state: 'done', result: true } : { state: 'todo', evidence: {} }),
        run: async (signal) => {
          await tell(node, preserveRke2(ctx.run.id, node.name === ctx.with.prepared.seed.node ? 'seed' : 'other'), signal);
          return true;
        },
      });
    }
  },
  async verify(ctx) {
    const left = await open(ctx);
    return left.length === 0
      ? { ok: true, outputs: {}, evidence: {} }
      : { ok: false, reason: `nothing is aside on ${left.map(({ name }) => name).join(', ')}`, evidence: {} };
  },
});
