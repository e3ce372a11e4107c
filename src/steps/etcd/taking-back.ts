import type { Observation, ReadContext, StepContext, Verification } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { HASH_MS, lockHolder, markOf } from '../../etcd/presets/aside.ts';
import { openPort } from '../../etcd/presets/isolation.ts';
import type { NodeCommand } from '../../etcd/presets/preset.ts';
import { putBackState } from '../../etcd/presets/put-back.ts';
import type { StepPorts } from '../ports.ts';
import { lookUntil } from '../wait.ts';
import { stopComponent } from './components.ts';
import { answeringMachines, answeringNodes, ask, OPENED, type PlaneMachine, type PlaneNode, tell } from './plane.ts';
import { asOther, type RollbackWith } from './rollback-plane.ts';
import { RESTORE_TRIES, restoreJob } from './seed-request.ts';

type Ctx = ReadContext<RollbackWith, StepPorts>;
type WriteCtx = StepContext<RollbackWith, StepPorts>;

/** A job of a restore ends by itself within this time. */
const RESTORE_ENDS_MS = 31 * 60_000;

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
async function untilNoRestore(node: PlaneNode, ctx: Pick<Ctx, 'with' | 'clock' | 'signal'>): Promise<void> {
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

/** Machines whose own data is aside still. */
export async function machinesAside(ctx: Ctx): Promise<readonly PlaneMachine[]> {
  const all = await answeringMachines(ctx);
  const states = await Promise.all(all.map(async ({ node }) => await ask(node, putBackState(ctx.with.of), ctx.signal)));
  return all.filter((_machine, index) => states[index] === 'aside');
}

/** Done once nothing is aside on any machine. */
export async function observeAside(ctx: Ctx): Promise<Observation<Record<string, never>>> {
  const open = await machinesAside(ctx);
  return open.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: { aside: open.map(({ node }) => node.name) } };
}

/** As `observeAside`; `what` is said to be aside still. */
export async function verifyNoneAside(ctx: Ctx, what: string): Promise<Verification<Record<string, never>>> {
  const open = await machinesAside(ctx);
  return open.length === 0
    ? { ok: true, outputs: {}, evidence: {} }
    : { ok: false, reason: `${what} is still aside on ${open.map(({ node }) => node.name).join(', ')}`, evidence: {} };
}

/** Stops what the other run has started on a machine, and opens the ports that it has closed. */
export async function stopStarted(node: PlaneNode, securePort: number, ctx: WriteCtx): Promise<void> {
  for (const component of node.preset.components) await stopComponent(node, component, asOther(ctx));
  await tell(node, openPort(securePort, node.preset.whole?.ports), ctx.signal);
}

/** Stops what runs on a machine, and gives it its own data back by these commands, each of which is done already or does it. */
export async function giveBack({ node, member }: PlaneMachine, commands: readonly NodeCommand[], ctx: WriteCtx): Promise<void> {
  await ctx.effect({
    name: 'stop',
    key: node.name,
    timeoutMs: RESTORE_ENDS_MS + 10 * 60_000,
    check: async () => ({ state: 'todo', evidence: {} }),
    run: async (signal) => {
      await stopStarted(node, member.securePort, { ...ctx, signal });
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
      for (const command of commands) await tell(node, command, signal);
      return true;
    },
  });
}
