import type { z } from 'zod';
import { NO_RETRY, type StepContext } from '../../engine/step.ts';
import { COMPONENTS } from '../../etcd/presets/preset.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { isStopped, stopComponent } from './components.ts';
import { fenceOf, fenceOutputs, fenceWith } from './fence-schema.ts';
import { FENCE_LIMIT_MS, type Fenced, lookAtFence, notFenced, powerOff } from './fenced.ts';
import { factsOf, openNodes, type PlaneNode } from './plane.ts';

type With = z.output<typeof fenceWith>;
type WriteCtx = StepContext<With, StepPorts>;

/** API servers of all machines first, because whoever writes goes before what it writes to; etcd last. A machine whose data is aside is left alone. */
async function stopMachines(open: readonly Fenced[], ctx: WriteCtx): Promise<void> {
  const names = new Set(open.map(({ node }) => node));
  const nodes = (await openNodes(ctx)).filter(({ name }) => names.has(name));
  for (const component of COMPONENTS) {
    ctx.progress({ message: `stopping ${component} on ${nodes.map(({ name }) => name).join(', ')}` });
    const able = nodes.filter(({ preset }) => preset.components.includes(component));
    await Promise.all(able.map(async (node) => await stop(node, component, ctx)));
  }
}

async function stop(node: PlaneNode, component: (typeof COMPONENTS)[number], ctx: WriteCtx): Promise<void> {
  await ctx.effect({
    name: 'stop',
    key: `${component}/${node.name}`,
    timeoutMs: FENCE_LIMIT_MS,
    check: async () => ((await isStopped(node, component, ctx)) ? { state: 'done', result: true } : { state: 'todo', evidence: {} }),
    run: async (signal) => {
      await stopComponent(node, component, { ...ctx, signal });
      return true;
    },
  });
}

/** Switches off what does not answer and nobody has seen off; gives the machines that are. */
async function switchOff(ctx: WriteCtx): Promise<readonly string[]> {
  const { fence } = ctx.with.controlPlane;
  if (fence === undefined) return [];
  const silent = factsOf(ctx.with.plane).filter((machine) => machine.silent !== undefined && !ctx.with.attestedDead.includes(machine.node));
  const off: string[] = [];
  for (const { node } of silent) {
    await ctx.effect({
      name: 'power-off',
      key: node,
      timeoutMs: FENCE_LIMIT_MS,
      check: async (recorded) => (recorded === undefined ? { state: 'todo', evidence: {} } : { state: 'done', result: recorded.result }),
      run: async (signal) => await powerOff(node, fence, { ...ctx, signal }),
    });
    off.push(node);
  }
  return off;
}

function isSilent({ plane }: With, { node }: Fenced): boolean {
  return factsOf(plane).some((machine) => machine.node === node && machine.silent !== undefined);
}

/** Stops every old member and API server, and proves it for each: whoever of them came back would be a second cluster, or take the restored one over. */
export const etcdFence = defineStep({
  kind: 'etcd/fence',
  version: 1,
  summary: 'stops every API server and every old member of etcd, and proves for each that it cannot act',
  verifies: 'on each machine no process, container or port of the control plane is left and none is defined to start; of a silent one nobody hears anything',
  byHand: [
    'on each control-plane machine move kube-apiserver.yaml, then the others, then etcd.yaml out of /etc/kubernetes/manifests into a folder beside it',
    '`crictl ps --label io.kubernetes.container.name=etcd -q` is empty, and ports 2379, 2380 and 6443 refuse from another machine',
    'switch a machine off at the provider that does not answer',
  ],
  with: fenceWith,
  outputs: fenceOutputs,
  risk: 'destructive',
  safety: true,
  timeoutMs: 20 * 60_000,
  retry: NO_RETRY,
  effects: [
    { name: 'stop', destroys: 'a running server of the control plane' },
    { name: 'power-off', destroys: 'whatever still runs on a machine that does not answer' },
  ],
  async observe(ctx) {
    const found = await lookAtFence(ctx, fenceOf(ctx.with));
    const open = found.filter((one) => one.open !== undefined);
    if (open.length > 0)
      return { state: open.length === found.length ? 'absent' : 'partial', evidence: { open: open.map(({ node, open: why }) => `${node}: ${why ?? ''}`) } };
    return { state: 'present', outputs: { proofs: proofsOf(found), poweredOff: [] }, evidence: {} };
  },
  plan: async ({ with: { controlPlane } }) =>
    controlPlane.nodes.map(({ name }) => ({
      verb: 'run' as const,
      subject: `stop the control plane on ${name}`,
      note: 'definitions are put aside, not deleted',
    })),
  async execute(ctx) {
    const found = await lookAtFence(ctx, fenceOf(ctx.with));
    const open = found.filter((one) => one.open !== undefined);
    await stopMachines(
      open.filter((one) => !isSilent(ctx.with, one)),
      ctx,
    );
    // What is left, `verify` says: to look at every machine takes as long as to stop one.
    await switchOff(ctx);
  },
  async verify(ctx) {
    const poweredOff = await switchOff(ctx);
    const found = await lookAtFence(ctx, fenceOf(ctx.with, poweredOff));
    const open = found.filter((one) => one.open !== undefined);
    if (open.length > 0) throw notFenced(open, ctx);
    return {
      ok: true,
      outputs: { proofs: proofsOf(found), poweredOff: [...poweredOff] },
      evidence: { proofs: proofsOf(found).map(({ node, proof }) => `${node}: ${proof}`) },
    };
  },
});

function proofsOf(found: readonly Fenced[]): { node: string; proof: string }[] {
  return found.flatMap(({ node, proof }) => (proof === undefined ? [] : [{ node, proof }]));
}
