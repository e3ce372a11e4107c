import { type Isolation, isolate, isolationState } from '../../etcd/presets/isolation.ts';
import { ask } from './plane.ts';
import { type Seed, type SeedCtx, wasOpened } from './seed-request.ts';

/** Whether the run has opened the seed's API server, and what keeps it from other machines. A machine that was switched off and on has no packet filter any more. */
export async function seedAccess(seed: Seed, ctx: SeedCtx): Promise<{ readonly opened: boolean; readonly isolation: Isolation }> {
  const [opened, isolation] = await Promise.all([wasOpened(seed, ctx), ask(seed.node, isolationState(seed.member.securePort), ctx.signal)]);
  return { opened, isolation };
}

/** Keeps the seed's API server from other machines, unless it was opened. */
export async function keepClosed(seed: Seed, ctx: SeedCtx): Promise<void> {
  if (!(await wasOpened(seed, ctx))) await ask(seed.node, isolate(seed.member.securePort), ctx.signal);
}
