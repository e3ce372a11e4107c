import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext, type StepContext } from '../../engine/step.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { startComponent } from './components.ts';
import { fenceAgain, fencedWith } from './fence-schema.ts';
import { requireFenced } from './fenced.ts';
import { noteStarted } from './front.ts';
import { type Joining, join, memberState } from './join.ts';
import { type ApiMachine, answeringServers, ask, openNodes, type PlaneNode } from './plane.ts';
import { openSeed } from './seed-request.ts';

type Ctx = ReadContext<z.output<typeof fencedWith>, StepPorts>;

async function joining(ctx: Ctx): Promise<readonly Joining[]> {
  const [seed, nodes] = [await openSeed(ctx), await openNodes(ctx)];
  return ctx.with.prepared.seed.joining.flatMap((name) => {
    const node = nodes.find((one) => one.name === name);
    const member = ctx.with.plane.members.find((one) => one.node === name);
    return node === undefined || member === undefined ? [] : [{ node, member, leader: seed }];
  });
}

/** Machines that are not yet all they should be: voters, with everything running that is defined there. */
async function waiting(ctx: Ctx): Promise<readonly Joining[]> {
  const found = await Promise.all(
    (await joining(ctx)).map(async (one) => {
      const [{ state }, isRunning] = await Promise.all([memberState(one, ctx), runsAll(one.node, one.member.components, ctx)]);
      return state === 'voter' && isRunning ? [] : [one];
    }),
  );
  return found.flat();
}

/** API servers without etcd that do not yet run with everything that is defined beside them. */
async function waitingServers(ctx: Ctx): Promise<readonly ApiMachine[]> {
  const found = await Promise.all((await answeringServers(ctx)).map(async (one) => ((await runsAll(one.node, one.server.components, ctx)) ? [] : [one])));
  return found.flat();
}

/** Whether everything that is defined on a machine runs. */
async function runsAll(node: PlaneNode, defined: readonly string[], ctx: Ctx): Promise<boolean> {
  const components = node.preset.components.filter((component) => defined.includes(component));
  const running = await Promise.all(components.map(async (component) => (await ask(node, node.preset.running(component), ctx.signal)).running));
  return running.every(Boolean);
}

/** Only once all members are there: an API server asks whichever of them it likes, and a learner refuses it. */
async function startServer({ node, server }: ApiMachine, ctx: StepContext<z.output<typeof fencedWith>, StepPorts>): Promise<void> {
  ctx.progress({ message: `starting what is defined on ${node.name}` });
  await noteStarted(node, ctx);
  for (const component of node.preset.components) if (server.components.includes(component)) await startComponent(node, component, ctx);
}

/** Names of all that are not yet what they should be. */
async function waitingNames(ctx: Ctx): Promise<readonly string[]> {
  const [members, servers] = await Promise.all([waiting(ctx), waitingServers(ctx)]);
  return [...members, ...servers].map(({ node }) => node.name);
}

/** Grows the cluster to all its machines, one after the other: quorum never depends on a member that is not there yet. */
export const etcdGrow = defineStep({
  kind: 'etcd/grow',
  version: 1,
  summary: 'brings the other machines back into the cluster, one learner at a time, and then API servers that have no member beside them',
  verifies: 'each that had a member is a voter, and everything that is defined on each machine runs',
  byHand: [
    '`etcdctl member add NAME --learner --peer-urls https://IP:2380`, again while it says `unhealthy cluster`',
    'in its etcd.yaml set `--initial-cluster` to all members and `--initial-cluster-state=existing`; no `member` folder; move it back',
    '`etcdctl member promote ID` until it is taken; then move its kube-apiserver.yaml and the others back; only then the next machine',
  ],
  with: fencedWith,
  outputs: z.object({ members: z.number() }),
  risk: 'destructive',
  safety: true,
  timeoutMs: 3 * 3_600_000,
  retry: DEFAULT_RETRY,
  effects: [
    { name: 'add-member', destroys: 'nothing: a member that does not vote is added; what was left in its data directory is moved out of the way' },
    { name: 'promote', destroys: 'nothing: from then on the member counts for quorum' },
  ],
  async observe(ctx) {
    const open = await waitingNames(ctx);
    const members = ctx.with.prepared.seed.joining.length + 1;
    if (open.length === 0) return { state: 'present', outputs: { members }, evidence: {} };
    return { state: open.length >= members - 1 ? 'absent' : 'partial', evidence: { waiting: [...open] } };
  },
  plan: async ({ with: { prepared, plane } }) => [
    ...prepared.seed.joining.map((name) => ({ verb: 'create' as const, subject: `a member on ${name}` })),
    ...plane.servers.filter(({ node }) => node !== prepared.front).map(({ node }) => ({ verb: 'run' as const, subject: `start the API server of ${node}` })),
  ],
  async execute(ctx) {
    for (const one of await waiting(ctx)) {
      await requireFenced(ctx, fenceAgain(ctx.with));
      await join(one, ctx);
    }
    for (const one of await waitingServers(ctx)) {
      await requireFenced(ctx, fenceAgain(ctx.with));
      await startServer(one, ctx);
    }
  },
  async verify(ctx) {
    const open = await waitingNames(ctx);
    if (open.length > 0) return { ok: false, reason: `not yet there: ${open.join(', ')}`, evidence: {} };
    return { ok: true, outputs: { members: ctx.with.prepared.seed.joining.length + 1 }, evidence: { joined: [...ctx.with.prepared.seed.joining] } };
  },
});
