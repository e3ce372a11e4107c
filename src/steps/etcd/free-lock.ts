import type { StepContext } from '../../engine/step.ts';
import { freeLock, lockHolder } from '../../etcd/presets/aside.ts';
import type { StepPorts } from '../ports.ts';
import { ask, type PlaneNode, tell } from './plane.ts';

/** Takes the lock of a run off a machine, as an effect. */
export async function freeLockOf(run: string, node: PlaneNode, ctx: Pick<StepContext<unknown, StepPorts>, 'effect' | 'signal'>): Promise<void> {
  await ctx.effect({
    name: 'free-lock',
    key: node.name,
    timeoutMs: 60_000,
    check: async () => ((await ask(node, lockHolder(), ctx.signal)) === run ? { state: 'todo', evidence: {} } : { state: 'done', result: true }),
    run: async (signal) => {
      await tell(node, freeLock(run), signal);
      return true;
    },
  });
}
