import { isolate, isolationState } from '../../etcd/presets/isolation.ts';
import { ask } from './plane.ts';
import { type Seed, type SeedCtx, wasOpened } from './seed-request.ts';

/** Whether the seed's API server is kept from other machines, or was opened. A machine that was switched off and on has no packet filter any more, and starts what is defined there. */
export async function isClosedOrOpened(seed: Seed, ctx: SeedCtx): Promise<boolean> {
  const [opened, isolation] = await Promise.all([wasOpened(seed, ctx), ask(seed.node, isolationState(seed.member.securePort), ctx.signal)]);
  return opened || isolation !== 'none';
}

/** Keeps the seed's API server from other machines, unless it was opened. */
export async function keepClosed(seed: Seed, ctx: SeedCtx): Promise<void> {
  if (!(await wasOpened(seed, ctx))) await ask(seed.node, isolate(seed.member.securePort), ctx.signal);
}
