import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { setMark } from '../../etcd/presets/aside.ts';
import { openPort } from '../../etcd/presets/isolation.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { startComponent } from './components.ts';
import { fenceAgain } from './fence-schema.ts';
import { requireFenced } from './fenced.ts';
import { frontAccess, frontOf, openFront } from './front.ts';
import { pausedHolds, pausedWith } from './paused-holds.ts';
import { type ApiMachine, OPENED, openNode, tell } from './plane.ts';

type Ctx = ReadContext<z.output<typeof pausedWith>, StepPorts>;

async function isOpen(front: ApiMachine, ctx: Ctx): Promise<boolean> {
  const { opened, isolation } = await frontAccess(front, ctx);
  return opened && isolation === 'none';
}

/**
 * Lets everybody in. The note comes first, and first where the data is: whoever finds the port open must never think that a rollback is still possible, and the
 * machine that is opened may be gone by then.
 */
async function open({ node, server }: ApiMachine, ctx: Ctx): Promise<void> {
  const noted = setMark(ctx.run.id, { name: OPENED, value: new Date(ctx.clock.now()).toISOString() });
  for (const name of new Set([ctx.with.prepared.seed.node, node.name])) await tell(await openNode(name, ctx), noted, ctx.signal);
  await tell(node, openPort(server.securePort, node.preset.whole?.ports), ctx.signal);
  if (server.components.includes('kube-vip')) await startComponent(node, 'kube-vip', ctx);
}

/** Opens the restored API server to everybody. From here on what is written is new, and going back would lose it. */
export const etcdOpen = defineStep({
  kind: 'etcd/open',
  version: 1,
  summary: 'opens the API server of the first machine to everybody: the last moment at which rollback was possible is over',
  verifies: 'its port is closed to nobody any more',
  byHand: ['`nft delete table inet lattice_dr` on the seed; move kube-vip.yaml back, or point the load balancer at the seed alone'],
  with: pausedWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: true,
  timeoutMs: 10 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'open', destroys: 'the way back: what is written from now on is lost by a rollback' }],
  async observe(ctx) {
    return (await isOpen(await openFront(ctx), ctx)) ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: {} };
  },
  plan: async ({ with: { prepared } }) => [{ verb: 'configure', subject: `the API server of ${frontOf(prepared)}`, note: 'opened; no rollback after this' }],
  async execute(ctx) {
    // An old majority that has come back takes writes too: from here on there would be two clusters.
    await requireFenced(ctx, fenceAgain(ctx.with));
    for (const hold of pausedHolds(ctx.with)) await ctx.hold(hold);
    const front = await openFront(ctx);
    await ctx.effect({
      name: 'open',
      key: front.node.name,
      timeoutMs: 6 * 60_000,
      check: async () => ((await isOpen(front, ctx)) ? { state: 'done', result: true } : { state: 'todo', evidence: {} }),
      run: async (signal) => {
        await open(front, { ...ctx, signal });
        return true;
      },
    });
  },
  async verify(ctx) {
    return (await isOpen(await openFront(ctx), ctx))
      ? { ok: true, outputs: {}, evidence: {} }
      : { ok: false, reason: 'its port is still closed', evidence: {} };
  },
});
