import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { markOf, setMark } from '../../etcd/presets/aside.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { fencedWith } from './fence-schema.ts';
import { ask, ifReached, openNodes, type PlaneNode, tell } from './plane.ts';

type Ctx = ReadContext<z.output<typeof fencedWith>, StepPorts>;

/** Note on a machine that its kubelet was restarted: when the new one began, in seconds since 1970. */
const RESTARTED = 'kubelet-restarted';

async function waiting(ctx: Ctx): Promise<readonly PlaneNode[]> {
  const nodes = (await openNodes(ctx)).filter(({ preset }) => preset.restartKubelet !== undefined);
  const found = await Promise.all(
    nodes.map(async (node) => {
      const { said } = await ifReached(async () => ({ mark: await ask(node, markOf(ctx.run.id, RESTARTED), ctx.signal) }));
      return said !== undefined && said.mark === undefined ? [node] : [];
    }),
  );
  return found.flat();
}

async function restart(node: PlaneNode, ctx: Ctx): Promise<void> {
  const { restartKubelet, kubeletStarted } = node.preset;
  if (restartKubelet === undefined) return;
  await tell(node, restartKubelet, ctx.signal);
  const started = kubeletStarted === undefined ? undefined : await ask(node, kubeletStarted, ctx.signal);
  await tell(node, setMark(ctx.run.id, { name: RESTARTED, value: String(started ?? 0) }), ctx.signal);
}

/** A kubelet that has seen the future keeps pods that the API no longer knows, and registers a Node that is gone only when it starts (kubernetes#71398). */
export const etcdKubelets = defineStep({
  kind: 'etcd/kubelets',
  version: 1,
  summary: 'restarts the kubelet of every control-plane machine, one after the other',
  verifies: 'each machine that answers notes when its new kubelet began',
  byHand: ['`systemctl restart kubelet` on every machine of the cluster, workers included, in batches'],
  with: fencedWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: false,
  timeoutMs: 30 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'restart-kubelet', destroys: 'a running kubelet; its pods go on' }],
  async observe(ctx) {
    const open = await waiting(ctx);
    return open.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: { waiting: open.map(({ name }) => name) } };
  },
  plan: async ({ with: { controlPlane } }) => controlPlane.nodes.map(({ name }) => ({ verb: 'run' as const, subject: `restart the kubelet of ${name}` })),
  async execute(ctx) {
    for (const node of await waiting(ctx)) {
      await ctx.effect({
        name: 'restart-kubelet',
        key: node.name,
        timeoutMs: 180_000,
        check: async () =>
          (await ask(node, markOf(ctx.run.id, RESTARTED), ctx.signal)) === undefined ? { state: 'todo', evidence: {} } : { state: 'done', result: true },
        run: async (signal) => {
          await restart(node, { ...ctx, signal });
          return true;
        },
      });
    }
  },
  async verify(ctx) {
    const open = await waiting(ctx);
    if (open.length > 0) return { ok: false, reason: `not restarted: ${open.map(({ name }) => name).join(', ')}`, evidence: {} };
    return { ok: true, outputs: {}, evidence: { byHand: 'kubelets of machines that are no control-plane machines: systemctl restart kubelet, in batches' } };
  },
});
