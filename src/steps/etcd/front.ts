import { DrError } from '../../errors/dr-error.ts';
import { markOf, setMark } from '../../etcd/presets/aside.ts';
import { type Isolation, isolate, isolationState } from '../../etcd/presets/isolation.ts';
import { type ApiMachine, ask, factsOf, OPENED, openNode, type PlaneCtx, type PlaneNode, STARTED, tell } from './plane.ts';
import type { Prepared } from './prepared-schema.ts';
import type { SeedCtx } from './seed-request.ts';

/** Name of the machine through whose API server what came back is looked at: that of the seed, or one without etcd. */
export function frontOf({ seed, front = seed.node }: Pick<Prepared, 'seed' | 'front'>): string {
  return front;
}

/** That machine. */
export async function openFront(ctx: SeedCtx): Promise<ApiMachine> {
  const front = frontOf(ctx.with.prepared);
  const server = factsOf(ctx.with.plane).find(({ node }) => node === front);
  if (server === undefined) throw new DrError({ code: 'BUG', message: `${front} is no machine of the control plane` });
  return { node: await openNode(front, ctx), server };
}

/** Whether the run has opened the API server of its first machine. */
export async function wasOpened({ node }: Pick<ApiMachine, 'node'>, ctx: PlaneCtx): Promise<boolean> {
  return (await ask(node, markOf(ctx.run.id, OPENED), ctx.signal)) !== undefined;
}

/** Whether the run has opened the first API server, and what keeps it from other machines. A machine that was switched off and on has no packet filter any more. */
export async function frontAccess(front: ApiMachine, ctx: SeedCtx): Promise<{ readonly opened: boolean; readonly isolation: Isolation }> {
  const [opened, isolation] = await Promise.all([wasOpened(front, ctx), ask(front.node, isolationState(front.server.securePort), ctx.signal)]);
  return { opened, isolation };
}

/** Keeps the first API server from other machines, unless it was opened. */
export async function keepClosed(front: ApiMachine, ctx: SeedCtx): Promise<void> {
  if (!(await wasOpened(front, ctx))) await ask(front.node, isolate(front.server.securePort, front.node.preset.whole?.ports), ctx.signal);
}

/** Notes on a machine without etcd that what runs there from now on was started by this run. Beside a member the member tells it. */
export async function noteStarted(node: PlaneNode, ctx: PlaneCtx): Promise<void> {
  if (!node.hasEtcd) await tell(node, setMark(ctx.run.id, { name: STARTED, value: new Date(ctx.clock.now()).toISOString() }), ctx.signal);
}
