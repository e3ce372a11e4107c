import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { setMark } from '../../etcd/presets/aside.ts';
import { openPort } from '../../etcd/presets/isolation.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { seedAccess } from './closed.ts';
import { startComponent } from './components.ts';
import { fenceAgain, fencedWith } from './fence-schema.ts';
import { requireFenced } from './fenced.ts';
import { pausedHolds } from './paused-holds.ts';
import { OPENED, tell } from './plane.ts';
import { openSeed, type Seed } from './seed-request.ts';

type Ctx = ReadContext<z.output<typeof fencedWith>, StepPorts>;

async function isOpen(seed: Seed, ctx: Ctx): Promise<boolean> {
  const { opened, isolation } = await seedAccess(seed, ctx);
  return opened && isolation === 'none';
}

/** Lets everybody in. The note comes first: whoever finds the port open must never think that a rollback is still possible. */
async function open({ node, member }: Seed, ctx: Ctx): Promise<void> {
  await tell(node, setMark(ctx.run.id, { name: OPENED, value: new Date(ctx.clock.now()).toISOString() }), ctx.signal);
  await tell(node, openPort(member.securePort), ctx.signal);
  if (member.components.includes('kube-vip')) await startComponent(node, 'kube-vip', ctx);
}

/** Opens the restored API server to everybody. From here on what is written is new, and going back would lose it. */
export const etcdOpen = defineStep({
  kind: 'etcd/open',
  version: 1,
  summary: 'opens the API server of the first machine to everybody: the last moment at which rollback was possible is over',
  verifies: 'its port is closed to nobody any more',
  byHand: ['`nft delete table inet lattice_dr` on the seed; move kube-vip.yaml back, or point the load balancer at the seed alone'],
  with: fencedWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: true,
  timeoutMs: 10 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'open', destroys: 'the way back: what is written from now on is lost by a rollback' }],
  async observe(ctx) {
    return (await isOpen(await openSeed(ctx), ctx)) ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: {} };
  },
  plan: async ({ with: { prepared } }) => [{ verb: 'configure', subject: `the API server of ${prepared.seed.node}`, note: 'opened; no rollback after this' }],
  async execute(ctx) {
    // An old majority that has come back takes writes too: from here on there would be two clusters.
    await requireFenced(ctx, fenceAgain(ctx.with));
    for (const hold of pausedHolds(ctx.with.prepared)) await ctx.hold(hold);
    const seed = await openSeed(ctx);
    await ctx.effect({
      name: 'open',
      key: seed.node.name,
      timeoutMs: 6 * 60_000,
      check: async () => ((await isOpen(seed, ctx)) ? { state: 'done', result: true } : { state: 'todo', evidence: {} }),
      run: async (signal) => {
        await open(seed, { ...ctx, signal });
        return true;
      },
    });
  },
  async verify(ctx) {
    return (await isOpen(await openSeed(ctx), ctx)) ? { ok: true, outputs: {}, evidence: {} } : { ok: false, reason: 'its port is still closed', evidence: {} };
  },
});
