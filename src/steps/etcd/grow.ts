import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { fenceAgain, fencedWith } from './fence-schema.ts';
import { requireFenced } from './fenced.ts';
import { type Joining, join, memberState } from './join.ts';
import { ask, openNodes } from './plane.ts';
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
      const { node, member } = one;
      const components = node.preset.components.filter((component) => member.components.includes(component));
      const [{ state }, ...running] = await Promise.all([
        memberState(one, ctx),
        ...components.map(async (component) => (await ask(node, node.preset.running(component), ctx.signal)).running),
      ]);
      return state === 'voter' && running.every(Boolean) ? [] : [one];
    }),
  );
  return found.flat();
}

/** Grows the cluster to all its machines, one after the other: quorum never depends on a member that is not there yet. */
export const etcdGrow = defineStep({
  kind: 'etcd/grow',
  version: 1,
  summary: 'brings the other machines back into the cluster, one learner at a time',
  verifies: 'each of them is a voter, and everything that is defined on it runs',
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
    const open = await waiting(ctx);
    const members = ctx.with.prepared.seed.joining.length + 1;
    if (open.length === 0) return { state: 'present', outputs: { members }, evidence: {} };
    return { state: open.length === members - 1 ? 'absent' : 'partial', evidence: { waiting: open.map(({ node }) => node.name) } };
  },
  plan: async ({ with: { prepared } }) => prepared.seed.joining.map((name) => ({ verb: 'create' as const, subject: `a member on ${name}` })),
  async execute(ctx) {
    for (const one of await waiting(ctx)) {
      await requireFenced(ctx, fenceAgain(ctx.with));
      await join(one, ctx);
    }
  },
  async verify(ctx) {
    const open = await waiting(ctx);
    if (open.length > 0) return { ok: false, reason: `not yet there: ${open.map(({ node }) => node.name).join(', ')}`, evidence: {} };
    return { ok: true, outputs: { members: ctx.with.prepared.seed.joining.length + 1 }, evidence: { joined: [...ctx.with.prepared.seed.joining] } };
  },
});
