import { z } from 'zod';
import { NO_RETRY, type ReadContext, type StepContext } from '../../engine/step.ts';
import { lockHolder, putAside } from '../../etcd/presets/aside.ts';
import type { NodeCommand } from '../../etcd/presets/preset.ts';
import { putBack } from '../../etcd/presets/put-back.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { freeLockOf } from './free-lock.ts';
import { type ApiMachine, answeringNodes, answeringServers, ask, factsOf, type PlaneMachine, type PlaneNode } from './plane.ts';
import { type RollbackWith, rollbackWith } from './rollback-plane.ts';
import { giveBack, machinesAside, observeAside, refuseOpened, stopStarted, verifyNoneAside } from './taking-back.ts';

type Ctx = ReadContext<RollbackWith, StepPorts>;

/** Stops what the run has started, and gives each member its own data back. */
export const etcdPutBack = defineStep({
  kind: 'etcd/revert',
  version: 1,
  summary: 'stops what a restore has started, and gives every old member its own data back',
  verifies: 'no data is aside on any machine, and each file that was put back has the SHA-256 that it had',
  byHand: ['on each control-plane machine stop etcd, `mv /var/lib/etcd/member` away and `mv /var/lib/lattice-dr/RUN/member /var/lib/etcd/member`'],
  with: rollbackWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: true,
  timeoutMs: 2 * 3_600_000,
  retry: NO_RETRY,
  effects: [
    { name: 'stop', destroys: 'a server that the restore has started' },
    { name: 'put-back', destroys: 'nothing: the restored data is moved out of the way, and kept' },
  ],
  observe: observeAside,
  plan: async ({ with: { plane } }) =>
    plane.members.map(({ node, dataDir }) => ({ verb: 'configure' as const, subject: `${dataDir}/member on ${node}`, note: 'the old data is put back' })),
  async execute(ctx) {
    await refuseOpened(ctx);
    for (const server of await answeringServers(ctx)) await stopServer(server, ctx);
    for (const machine of await machinesAside(ctx)) await giveBack(machine, backCommands(machine, ctx), ctx);
  },
  verify: async (ctx) => await verifyNoneAside(ctx, 'data'),
});

/** An API server without etcd would write what it has seen of the restored data to the old one. */
async function stopServer({ node, server }: ApiMachine, ctx: StepContext<RollbackWith, StepPorts>): Promise<void> {
  await ctx.effect({
    name: 'stop',
    key: node.name,
    timeoutMs: 10 * 60_000,
    check: async () => ({ state: 'todo', evidence: {} }),
    run: async (signal) => {
      await stopStarted(node, server.securePort, { ...ctx, signal });
      return true;
    },
  });
}

/** A move that was cut off is ended first; one that was not is left alone. */
function backCommands({ member: { dataDir, walDir } }: PlaneMachine, ctx: Ctx): readonly NodeCommand[] {
  const place = { runId: ctx.with.of, dataDir, walDir };
  return [putAside(place), putBack(place)];
}

/** Frees the locks that the run which was taken back had left. */
export const etcdUnlock = defineStep({
  kind: 'etcd/unlock',
  version: 1,
  summary: 'frees the locks of the run that was taken back',
  verifies: 'reads that no machine is held by it',
  byHand: ['on each control-plane machine: `rm -r /var/lib/lattice-dr/lock`'],
  with: rollbackWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: false,
  timeoutMs: 5 * 60_000,
  retry: NO_RETRY,
  effects: [{ name: 'free-lock', destroys: 'the lock of a run that is over, on a machine' }],
  async observe(ctx) {
    const held = await holders(ctx);
    return held.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: { held: held.map(({ name }) => name) } };
  },
  plan: async ({ with: { plane } }) => factsOf(plane).map(({ node }) => ({ verb: 'delete' as const, subject: `lock on ${node}` })),
  async execute(ctx) {
    for (const node of await holders(ctx)) await freeLockOf(ctx.with.of, node, ctx);
  },
  async verify(ctx) {
    const held = await holders(ctx);
    return held.length === 0
      ? { ok: true, outputs: {}, evidence: {} }
      : { ok: false, reason: `still held: ${held.map(({ name }) => name).join(', ')}`, evidence: {} };
  },
});

async function holders(ctx: Ctx): Promise<readonly PlaneNode[]> {
  const all = await answeringNodes(ctx);
  const found = await Promise.all(all.map(async (node) => await ask(node, lockHolder(), ctx.signal)));
  return all.filter((_node, index) => found[index] === ctx.with.of);
}
