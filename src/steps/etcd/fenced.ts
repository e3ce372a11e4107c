import { DrError, isDrError } from '../../errors/dr-error.ts';
import { asideState, markOf } from '../../etcd/presets/aside.ts';
import { hearsPort } from '../../etcd/presets/isolation.ts';
import type { PlanControlPlane } from '../../model/plan/control-plane.ts';
import { runPlanProgram } from '../plan-program.ts';
import { isStopped } from './components.ts';
import { ifMemberAnswers } from './member-access.ts';
import { ask, ifReached, openNodes, type PlaneCtx, type PlaneNode, STARTED } from './plane.ts';
import type { PlaneFacts, PlaneMember } from './plane-schema.ts';

/** Longest time of one run of the plan's programs for one machine. */
export const FENCE_LIMIT_MS = 5 * 60_000;
const ETCD_PORT = 2379;
const STARTED_HERE = 'what runs there was started by this run';

/** What a person has stated, and the id of the cluster that is ours once there is one. */
export interface FenceWith {
  readonly attestedDead: readonly string[];
  /** Machines that the plan's program has switched off. */
  readonly poweredOff: readonly string[];
  readonly clusterId?: string | undefined;
}

/** Whether what runs on a machine, an old member or an API server, can still act. `proof` says why not. */
export type Fenced = { readonly node: string } & ({ readonly proof: string; readonly open?: never } | { readonly open: string; readonly proof?: never });

/** How a machine is looked at: itself where it answers, else by whether another one hears it. */
interface Look {
  readonly facts: PlaneFacts;
  readonly itself: (node: PlaneNode) => Promise<Fenced>;
  readonly heardBy: (other: PlaneNode) => Promise<boolean>;
}

/** Looks at every machine: what runs, what may start again, what a person or a program says of those that are silent, and whether other machines hear those. */
export async function lookAtFence(ctx: PlaneCtx, fence: FenceWith): Promise<readonly Fenced[]> {
  const { members, servers } = ctx.with.plane;
  const looks: readonly Look[] = [
    ...members.map((member) => ({
      facts: member,
      itself: async (node: PlaneNode) => await lookAtMember({ node, member }, ctx, fence),
      heardBy: async (other: PlaneNode) => await hearsMember(other, member, ctx),
    })),
    ...servers.map((server) => ({
      facts: server,
      itself: async (node: PlaneNode) => await lookAtServer(node, ctx),
      heardBy: async (other: PlaneNode) => await ask(other, hearsPort(server.address, server.securePort), ctx.signal),
    })),
  ];
  const nodes = await openNodes(ctx);
  return await Promise.all(looks.map(async (look) => await lookAt(look, nodes, { ctx, fence })));
}

async function lookAt(look: Look, nodes: readonly PlaneNode[], { ctx, fence }: { readonly ctx: PlaneCtx; readonly fence: FenceWith }): Promise<Fenced> {
  const node = nodes.find(({ name }) => name === look.facts.node);
  if (node === undefined) return { node: look.facts.node, open: 'the plan does not name it any more' };
  const { said, silent } = await ifReached(async () => await look.itself(node));
  return said ?? (await lookAtSilent({ look, silent, others: nodes.filter((other) => other !== node) }, ctx, fence));
}

async function lookAtMember(
  { node, member }: { readonly node: PlaneNode; readonly member: PlaneMember },
  ctx: PlaneCtx,
  { clusterId }: FenceWith,
): Promise<Fenced> {
  const at = { node: member.node };
  // Its ids may be those of an old member, and it is one unit with everything: only this run's own note tells.
  const { whole } = node.preset;
  if (whole !== undefined && (await ask(node, markOf(ctx.run.id, whole.started), ctx.signal)) !== undefined) return { ...at, proof: STARTED_HERE };
  const [aside, { running }] = await Promise.all([ask(node, asideState(ctx.run.id), ctx.signal), ask(node, node.preset.running('etcd'), ctx.signal)]);
  if (running) {
    const status = await ifMemberAnswers({ node, member }, ctx, async (etcd, signal) => await etcd.status(signal));
    if (clusterId !== undefined && status?.clusterId === clusterId) return { ...at, proof: 'its member is of the restored cluster' };
    // Its own data is aside: a member that is just coming up has only what this run gave it.
    if (aside !== undefined && status === undefined) return { ...at, proof: 'its old data is aside' };
    return { ...at, open: `etcd of cluster ${status?.clusterId ?? 'that it does not tell'} runs there` };
  }
  if (aside !== undefined) return { ...at, proof: 'its old data is aside' };
  return await lookAtComponents(node, ctx);
}

/** An API server writes to whatever etcd it reaches. Which one that is, the fence of the members says; whether it may yet, this run. */
async function lookAtServer(node: PlaneNode, ctx: PlaneCtx): Promise<Fenced> {
  const started = await ask(node, markOf(ctx.run.id, STARTED), ctx.signal);
  return started === undefined ? await lookAtComponents(node, ctx) : { node: node.name, proof: STARTED_HERE };
}

async function lookAtComponents(node: PlaneNode, ctx: PlaneCtx): Promise<Fenced> {
  const at = { node: node.name };
  const components = await Promise.all(node.preset.components.map(async (component) => ((await isStopped(node, component, ctx)) ? [] : [component])));
  const left = components.flat();
  return left.length === 0
    ? { ...at, proof: 'nothing of the control plane runs there, or is defined to' }
    : { ...at, open: `${left.join(', ')} run there or may start again` };
}

interface Silent {
  readonly look: Look;
  readonly silent: string | undefined;
  readonly others: readonly PlaneNode[];
}

/** That a machine does not answer us is no proof: others may hear it. */
async function lookAtSilent({ look: { facts, heardBy }, silent, others }: Silent, ctx: PlaneCtx, fence: FenceWith): Promise<Fenced> {
  const at = { node: facts.node };
  const hearing = await whoHears(heardBy, others);
  if (hearing !== undefined) return { ...at, open: `it does not answer here (${silent ?? ''}), and it answers ${hearing}` };
  const { fence: program } = ctx.with.controlPlane;
  if (program?.off !== undefined) {
    const off = await isOff(program.off, facts.node, ctx);
    return off.isOff ? { ...at, proof: `fence.off says: ${off.said}` } : { ...at, open: `fence.off says: ${off.said}` };
  }
  if (fence.poweredOff.includes(facts.node)) return { ...at, proof: 'fence.command ended with exit 0, and no other machine hears it' };
  if (fence.attestedDead.includes(facts.node)) return { ...at, proof: 'a person states that it is dead (--attest-dead), and no other machine hears it' };
  return { ...at, open: `it does not answer: ${silent ?? ''}` };
}

/** The machine that hears another one. */
async function whoHears(heardBy: Look['heardBy'], others: readonly PlaneNode[]): Promise<string | undefined> {
  for (const other of others) {
    const { said } = await ifReached(async () => ({ isHeard: await heardBy(other) }));
    if (said?.isHeard === true) return other.name;
  }
  return undefined;
}

/** Whether a member's etcd answers another machine, whatever it says. A machine without etcd has no certificate to ask with, and only hears the port. */
async function hearsMember(other: PlaneNode, member: PlaneMember, ctx: PlaneCtx): Promise<boolean> {
  const own = ctx.with.plane.members.find(({ node }) => node === other.name);
  if (own === undefined) return await ask(other, hearsPort(member.address, ETCD_PORT), ctx.signal);
  const place = { node: member.node, endpoint: `https://${member.address}:${ETCD_PORT}`, ...(own.tls === undefined ? {} : { tls: own.tls }) };
  return (await ifMemberAnswers({ node: other, member: place }, ctx, async (etcd, signal) => await etcd.status(signal))) !== undefined;
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
