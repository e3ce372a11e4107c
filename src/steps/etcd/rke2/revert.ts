import { z } from 'zod';
import { NO_RETRY, type StepContext } from '../../../engine/step.ts';
import { HASH_MS } from '../../../etcd/presets/aside.ts';
import { openPort } from '../../../etcd/presets/isolation.ts';
import { putBackState } from '../../../etcd/presets/put-back.ts';
import { putRke2Back } from '../../../etcd/presets/rke2-data.ts';
import { defineStep } from '../../define-step.ts';
import type { StepPorts } from '../../ports.ts';
import { stopComponent } from '../components.ts';
import { answeringMachines, ask, type PlaneMachine, tell } from '../plane.ts';
import { asOther, type RollbackWith, rollbackWith } from '../rollback-plane.ts';
import { RESTORE_ENDS_MS, refuseOpened, untilNoRestore } from '../taking-back.ts';

type Ctx = StepContext<RollbackWith, StepPorts>;

async function waiting(ctx: Pick<Ctx, 'run' | 'with' | 'ports' | 'clock' | 'signal'>): Promise<readonly PlaneMachine[]> {
  const all = await answeringMachines(ctx);
  const states = await Promise.all(all.map(async ({ node }) => await ask(node, putBackState(ctx.with.of), ctx.signal)));
  return all.filter((_machine, index) => states[index] === 'aside');
}

async function giveBack({ node, member }: PlaneMachine, ctx: Ctx): Promise<void> {
  await ctx.effect({
    name: 'stop',
    key: node.name,
    timeoutMs: RESTORE_ENDS_MS + 10 * 60_000,
    check: async () => ({ state: 'todo', evidence: {} }),
    run: async (signal) => {
      for (const component of node.preset.components) await stopComponent(node, component, asOther({ ...ctx, signal }));
      await tell(node, openPort(member.securePort, node.preset.whole?.ports), signal);
      await untilNoRestore(node, { ...ctx, signal });
      return true;
    },
  });
  await ctx.effect({
    name: 'put-back',
    key: node.name,
    timeoutMs: HASH_MS,
    check: async () =>
      (await ask(node, putBackState(ctx.with.of), ctx.signal)) === 'aside' ? { state: 'todo', evidence: {} } : { state: 'done', result: true },
    run: async (signal) => {
      await tell(node, putRke2Back(ctx.with.of), signal);
      return true;
    },
  });
}

/** Gives every server of rke2 its own database and configuration back, while nobody has been let in. */
export const etcdRke2Revert = defineStep({
  kind: 'rke2/revert',
  version: 1,
  summary: 'stops what a restore of rke2 has started, and gives every server its own database and configuration back',
  verifies: 'no database is aside on any server, and each file of etcd that was put back has the SHA-256 that it had',
  byHand: [
    'on each server but the first: `rke2-killall.sh`, `mv server/db.lattice-dr-RUN server/db`',
    'on the first: the oldest `server/db/etcd-old-*` of the run back to `server/db/etcd`, `rm server/db/reset-flag`, `server:` back into the configuration',
  ],
  with: rollbackWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: true,
  timeoutMs: 2 * 3_600_000,
  retry: NO_RETRY,
  effects: [
    { name: 'stop', destroys: 'a server that the restore has started' },
    { name: 'put-back', destroys: 'nothing: what was restored is moved out of the way, and kept' },
  ],
  async observe(ctx) {
    const open = await waiting(ctx);
    return open.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: { aside: open.map(({ node }) => node.name) } };
  },
  plan: async ({ with: { plane } }) => plane.members.map(({ node }) => ({ verb: 'configure' as const, subject: `server/db on ${node}`, note: 'put back' })),
  async execute(ctx) {
    await refuseOpened(ctx);
    for (const machine of await waiting(ctx)) await giveBack(machine, ctx);
  },
  async verify(ctx) {
    const open = await waiting(ctx);
    return open.length === 0
      ? { ok: true, outputs: {}, evidence: {} }
      : { ok: false, reason: `a database is still aside on ${open.map(({ node }) => node.name).join(', ')}`, evidence: {} };
  },
});
