import type { ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { lockHolder, markOf } from '../../etcd/presets/aside.ts';
import type { StepPorts } from '../ports.ts';
import { lookUntil } from '../wait.ts';
import { answeringNodes, ask, OPENED, type PlaneNode } from './plane.ts';
import type { RollbackWith } from './rollback-plane.ts';
import { RESTORE_TRIES, restoreJob } from './seed-request.ts';

type Ctx = ReadContext<RollbackWith, StepPorts>;

/** A job of a restore ends by itself within this time. */
export const RESTORE_ENDS_MS = 31 * 60_000;

/** What speaks against taking a run back. */
async function refusals(ctx: Ctx): Promise<readonly string[]> {
  const found = await Promise.all(
    (await answeringNodes(ctx)).map(async (node) => {
      const [holder, opened] = await Promise.all([ask(node, lockHolder(), ctx.signal), ask(node, markOf(ctx.with.of, OPENED), ctx.signal)]);
      return [
        ...(opened === undefined ? [] : [`the API server of ${node.name} was opened at ${opened}: what was written since would be lost`]),
        ...(holder === undefined || holder === ctx.with.of ? [] : [`${node.name} is held by run ${holder}`]),
      ];
    }),
  );
  return found.flat();
}

/** Throws `ROLLBACK_REFUSED` for a run that has opened its API server, or has lost its lock. */
export async function refuseOpened(ctx: Ctx): Promise<void> {
  const reasons = await refusals(ctx);
  if (reasons.length === 0) return;
  throw new DrError({
    code: 'ROLLBACK_REFUSED',
    message: reasons.join('; '),
    suggestions: ['only another restore leads back now: lattice-dr restore-etcd'],
  });
}

/** A restore goes on when the run that began it is gone, and would make its folder again where it was cleared away. */
export async function untilNoRestore(node: PlaneNode, ctx: Pick<Ctx, 'with' | 'clock' | 'signal'>): Promise<void> {
  await lookUntil(ctx, RESTORE_ENDS_MS, {
    apartMs: 1_000,
    late: () => new DrError({ code: 'CONTROL_PLANE_NOT_READY', message: `a restore still runs on ${node.name}` }),
    look: async (signal) => {
      for (let count = 1; count <= RESTORE_TRIES; count += 1) {
        const { state } = await node.machine.jobState(restoreJob(ctx.with.of, count), signal);
        if (state === 'running') return undefined;
        if (state === 'absent') return true;
      }
      return true;
    },
  });
}
