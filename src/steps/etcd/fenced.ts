import { DrError, isDrError } from '../../errors/dr-error.ts';
import { asideState } from '../../etcd/presets/aside.ts';
import type { PlanControlPlane } from '../../model/plan/control-plane.ts';
import { runPlanProgram } from '../plan-program.ts';
import { isStopped } from './components.ts';
import { ifMemberAnswers } from './member-access.ts';
import { ask, ifReached, openNodes, type PlaneCtx, type PlaneNode } from './plane.ts';
import type { PlaneMember } from './plane-schema.ts';

/** Longest time of one run of the plan's programs for one machine. */
export const FENCE_LIMIT_MS = 5 * 60_000;

/** What a person has stated, and the id of the cluster that is ours once there is one. */
export interface FenceWith {
  readonly attestedDead: readonly string[];
  /** Machines that the plan's program has switched off. */
  readonly poweredOff: readonly string[];
  readonly clusterId?: string | undefined;
}

/** Whether an old member can still act. `proof` says why not. */
export type Fenced = { readonly node: string } & ({ readonly proof: string; readonly open?: never } | { readonly open: string; readonly proof?: never });

/** Looks at every old member: what runs, what may start again, what a person or a program says of machines that are silent, and whether those answer peers. */
export async function lookAtFence(ctx: PlaneCtx, fence: FenceWith): Promise<readonly Fenced[]> {
  const nodes = await openNodes(ctx);
  return await Promise.all(
    ctx.with.plane.members.map(async (member) => {
      const node = nodes.find(({ name }) => name === member.node);
      if (node === undefined) return { node: member.node, open: 'the plan does not name it any more' };
      const { said, silent } = await ifReached(async () => await lookAtMachine({ node, member }, ctx, fence));
      return said ?? (await lookAtSilent({ member, silent, others: nodes.filter((other) => other !== node) }, ctx, fence));
    }),
  );
}

async function lookAtMachine(
  { node, member }: { readonly node: PlaneNode; readonly member: PlaneMember },
  ctx: PlaneCtx,
  { clusterId }: FenceWith,
): Promise<Fenced> {
  const [aside, { running }] = await Promise.all([ask(node, asideState(ctx.run.id), ctx.signal), ask(node, node.preset.running('etcd'), ctx.signal)]);
  const at = { node: member.node };
  if (running) {
    const status = await ifMemberAnswers({ node, member }, ctx, async (etcd, signal) => await etcd.status(signal));
    if (clusterId !== undefined && status?.clusterId === clusterId) return { ...at, proof: 'its member is of the restored cluster' };
    // Its own data is aside: a member that is just coming up has only what this run gave it.
    if (aside !== undefined && status === undefined) return { ...at, proof: 'its old data is aside' };
    return { ...at, open: `etcd of cluster ${status?.clusterId ?? 'that it does not tell'} runs there` };
  }
  if (aside !== undefined) return { ...at, proof: 'its old data is aside' };
  const components = await Promise.all(node.preset.components.map(async (component) => ((await isStopped(node, component, ctx)) ? [] : [component])));
  const left = components.flat();
  return left.length === 0
    ? { ...at, proof: 'nothing of the control plane runs there, or is defined to' }
    : { ...at, open: `${left.join(', ')} run there or may start again` };
}

interface Silent {
  readonly member: PlaneMember;
  readonly silent: string | undefined;
  readonly others: readonly PlaneNode[];
}

/** That a machine does not answer us is no proof: its peers may hear it. */
async function lookAtSilent({ member, silent, others }: Silent, ctx: PlaneCtx, fence: FenceWith): Promise<Fenced> {
  const at = { node: member.node };
  const heardBy = await whoHears(member, others, ctx);
  if (heardBy !== undefined) return { ...at, open: `it does not answer here (${silent ?? ''}), and its etcd answers ${heardBy}` };
  const { fence: program } = ctx.with.controlPlane;
  if (program?.off !== undefined) {
    const off = await isOff(program.off, member.node, ctx);
    return off.isOff ? { ...at, proof: `fence.off says: ${off.said}` } : { ...at, open: `fence.off says: ${off.said}` };
  }
  if (fence.poweredOff.includes(member.node)) return { ...at, proof: 'fence.command ended with exit 0, and no other machine hears it' };
  if (fence.attestedDead.includes(member.node)) return { ...at, proof: 'a person states that it is dead (--attest-dead), and no other machine hears it' };
  return { ...at, open: `it does not answer: ${silent ?? ''}` };
}

/** The machine to which a member's etcd answers, whatever it says. */
async function whoHears(member: PlaneMember, others: readonly PlaneNode[], ctx: PlaneCtx): Promise<string | undefined> {
  for (const other of others) {
    const own = ctx.with.plane.members.find(({ node }) => node === other.name);
    const place = { node: member.node, endpoint: `https://${member.address}:2379`, ...(own?.tls === undefined ? {} : { tls: own.tls }) };
    const { said } = await ifReached(async () => ({
      status: await ifMemberAnswers({ node: other, member: place }, ctx, async (etcd, signal) => await etcd.status(signal)),
    }));
    if (said?.status !== undefined) return other.name;
  }
  return undefined;
}

async function isOff(command: readonly string[], node: string, { ports, signal }: PlaneCtx): Promise<{ readonly isOff: boolean; readonly said: string }> {
  try {
    const { said } = await runPlanProgram({ path: 'controlPlane.fence.off', command: [...command, node], signal, timeoutMs: FENCE_LIMIT_MS }, ports);
    return { isOff: true, said };
  } catch (error) {
    if (!isDrError(error, 'PROCESS_FAILED')) throw error;
    return { isOff: false, said: error.message };
  }
}

/** Switches a silent machine off by the plan's program. Exit 0 says that it is. */
export async function powerOff(node: string, program: NonNullable<PlanControlPlane['fence']>, ctx: PlaneCtx): Promise<string> {
  const { said } = await runPlanProgram(
    { path: 'controlPlane.fence.command', command: [...program.command, node], signal: ctx.signal, timeoutMs: FENCE_LIMIT_MS, killAfterMs: 60_000 },
    ctx.ports,
  );
  return said;
}

/** Throws `FENCE_NOT_PROVEN` when an old member can still act: beside a restored one it would be a second cluster, or take the first one over. */
export async function requireFenced(ctx: PlaneCtx, fence: FenceWith): Promise<void> {
  const open = (await lookAtFence(ctx, fence)).filter((one) => one.open !== undefined);
  if (open.length === 0) return;
  throw notFenced(open, ctx);
}

/** The error that names every old member that can still act. */
export function notFenced(open: readonly Fenced[], { run }: Pick<PlaneCtx, 'run'>): DrError {
  return new DrError({
    code: 'FENCE_NOT_PROVEN',
    message: `old members can still act: ${open.map(({ node, open: why }) => `${node}: ${why ?? ''}`).join('; ')}`,
    details: { nodes: open.map(({ node }) => node) },
    suggestions: [
      `a machine that answered when the run began is stopped again by resuming: lattice-dr resume ${run.id}`,
      'switch off those that were silent then, and resume; give controlPlane.fence in the plan, or start with --attest-dead NODE once somebody has seen it off',
    ],
  });
}
