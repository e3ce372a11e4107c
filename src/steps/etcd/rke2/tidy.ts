import { z } from 'zod';
import { DEFAULT_RETRY, type StepContext } from '../../../engine/step.ts';
import { DrError } from '../../../errors/dr-error.ts';
import { markOf, setMark } from '../../../etcd/presets/aside.ts';
import { showServerUrl } from '../../../etcd/presets/rke2-data.ts';
import { defineStep } from '../../define-step.ts';
import type { StepPorts } from '../../ports.ts';
import { lookUntil } from '../../wait.ts';
import { fencedWith } from '../fence-schema.ts';
import { ifMemberAnswers } from '../member-access.ts';
import { ask, type PlaneMachine, tell } from '../plane.ts';
import { type Rke2Ctx, serversOf } from './servers.ts';

/** Note on a server that it has its own configuration again and was restarted with it. */
const TIDIED = 'rke2-tidied';
const BACK_MS = 15 * 60_000;
const LOOKS_APART_MS = 1_000;

async function waiting(ctx: Rke2Ctx): Promise<readonly PlaneMachine[]> {
  const { seed, joining } = await serversOf(ctx);
  const found = await Promise.all(
    [seed, ...joining].map(async (machine) => ((await ask(machine.node, markOf(ctx.run.id, TIDIED), ctx.signal)) === undefined ? [machine] : [])),
  );
  return found.flat();
}

/** Whether a server's member has a leader and its API server listens. */
async function isBack({ node, member }: PlaneMachine, ctx: Rke2Ctx): Promise<boolean> {
  const status = await ifMemberAnswers({ node, member }, ctx, async (etcd, signal) => await etcd.status(signal));
  return status !== undefined && status.leader !== '0' && (await ask(node, node.preset.running('kube-apiserver'), ctx.signal)).ports.length > 0;
}

/** Only one server at a time is without its kubelet, and the next waits until it is back. */
async function tidy(machine: PlaneMachine, ctx: StepContext<z.output<typeof fencedWith>, StepPorts>): Promise<void> {
  const { node } = machine;
  ctx.progress({ message: `${node.name} is restarted with its own configuration` });
  await ctx.effect({
    name: 'restart',
    key: node.name,
    timeoutMs: BACK_MS + 180_000,
    check: async () =>
      (await ask(node, markOf(ctx.run.id, TIDIED), ctx.signal)) === undefined ? { state: 'todo', evidence: {} } : { state: 'done', result: true },
    run: async (signal) => {
      await tell(node, showServerUrl(ctx.run.id), signal);
      if (node.preset.restartKubelet !== undefined) await tell(node, node.preset.restartKubelet, signal);
      await lookUntil({ ...ctx, signal }, BACK_MS, {
        apartMs: LOOKS_APART_MS,
        late: () =>
          new DrError({
            code: 'CONTROL_PLANE_NOT_READY',
            message: `rke2 of ${node.name} does not come back after its restart`,
            suggestions: ['journalctl -u rke2-server'],
          }),
        look: async (soon) => ((await isBack(machine, { ...ctx, signal: soon })) ? true : undefined),
      });
      await tell(node, setMark(ctx.run.id, { name: TIDIED, value: new Date(ctx.clock.now()).toISOString() }), signal);
      return true;
    },
  });
}

/** Gives every server its configuration back, now that there are others to join, and restarts its kubelet with it. */
export const etcdRke2Tidy = defineStep({
  kind: 'rke2/tidy',
  version: 1,
  summary: 'gives every server of rke2 its own configuration back and restarts it with its kubelet, one after the other',
  verifies: 'each notes that it was restarted, and came back as a member with a leader',
  byHand: [
    'put `server:` back on the first server, take 99-lattice-dr.yaml away on the others; `systemctl restart rke2-server` one after the other, and rke2-agent on workers',
  ],
  with: fencedWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: false,
  timeoutMs: 2 * 3_600_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'restart', destroys: 'a running supervisor and kubelet; its pods go on' }],
  async observe(ctx) {
    const open = await waiting(ctx);
    return open.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: { waiting: open.map(({ node }) => node.name) } };
  },
  plan: async ({ with: { controlPlane } }) => controlPlane.nodes.map(({ name }) => ({ verb: 'run' as const, subject: `restart rke2-server of ${name}` })),
  async execute(ctx) {
    for (const machine of await waiting(ctx)) await tidy(machine, ctx);
  },
  async verify(ctx) {
    const open = await waiting(ctx);
    if (open.length > 0) return { ok: false, reason: `not restarted: ${open.map(({ node }) => node.name).join(', ')}`, evidence: {} };
    return { ok: true, outputs: {}, evidence: { byHand: 'workers: systemctl restart rke2-agent, in batches' } };
  },
});
