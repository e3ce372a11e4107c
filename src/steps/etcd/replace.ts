import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { defineGate, defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { stopComponent } from './components.ts';
import { HEALTHY_MS, join, memberState, untilTaken } from './join.ts';
import { ifMemberAnswers, withMember } from './member-access.ts';
import { ask } from './plane.ts';
import { joiningOf, leading, replaceWith, target } from './replacement-schema.ts';
import { savedSnapshots } from './source-schema.ts';

const removeWith = replaceWith.extend({ saved: savedSnapshots.shape.saved });
type Ctx = ReadContext<z.output<typeof replaceWith>, StepPorts>;
type RemoveCtx = StepContext<z.output<typeof removeWith>, StepPorts>;

/** Shows who goes and who comes; its gate takes the typed cluster name for that. */
export const etcdConsent = defineGate({
  kind: 'etcd/consent',
  version: 1,
  summary: 'shows which member is removed and where one is added, before anything is',
  verifies: 'the typed cluster name is in the journal',
  byHand: ['write down the name and id of the member that is removed; have a second person compare them with `etcdctl member list`'],
  with: removeWith,
  async plan({ run, with: { replacement, saved, plane } }) {
    const { node, remove } = replacement;
    return [
      ...remove.map(({ id, name }) => ({
        verb: 'delete' as const,
        subject: `member ${name || 'without a name'} (${BigInt(id).toString(16)}) of cluster ${run.cluster}`,
        note: `it is on ${node}, or was`,
      })),
      { verb: 'configure', subject: `${dataDirOf(node, plane)}/member on ${node}`, note: 'moved out of the way if it is there, not deleted' },
      { verb: 'create', subject: `a member on ${node}`, note: 'as a learner, which is promoted once it has everything' },
      ...saved.map(({ path, revision }) => ({ verb: 'run' as const, subject: `what lives is saved in ${path}`, note: `revision ${revision}` })),
    ];
  },
});

function dataDirOf(node: string, { members }: z.output<typeof replaceWith>['plane']): string {
  return members.find((member) => member.node === node)?.dataDir ?? '';
}

/** Members that are to go and are still listed. */
async function listed(ctx: Ctx): Promise<readonly { readonly id: string; readonly name: string }[]> {
  const members = await withMember(await leading(ctx), ctx, async (etcd) => await etcd.members(ctx.signal));
  return ctx.with.replacement.remove.filter(({ id }) => members.some((member) => member.id === id));
}

/** One that has come back is not removed: with it the cluster may be well, and who wants it gone has to look again. */
async function refuseReturned(ctx: RemoveCtx): Promise<void> {
  const status = await ifMemberAnswers(await target(ctx), ctx, async (etcd, signal) => await etcd.status(signal));
  if (status === undefined || status.leader === '0' || !ctx.with.replacement.remove.some(({ id }) => id === status.memberId)) return;
  throw new DrError({
    code: 'REPAIR_REFUSED',
    message: `member ${status.memberId} of ${ctx.with.replacement.node} follows a leader again`,
    suggestions: ['see whether anything is left to repair: lattice-dr diagnose'],
  });
}

async function remove(member: { readonly id: string; readonly name: string }, ctx: RemoveCtx): Promise<void> {
  await ctx.effect({
    name: 'remove-member',
    key: `${ctx.with.replacement.node}/${member.id}`,
    timeoutMs: HEALTHY_MS + 60_000,
    check: async () =>
      (await listed(ctx)).some(({ id }) => id === member.id) ? { state: 'todo', evidence: { member: member.name } } : { state: 'done', result: true },
    run: async (signal) => {
      const what = `member ${member.name || member.id} is not removed`;
      await untilTaken({ ...ctx, signal }, { limitMs: HEALTHY_MS, what, wait: ['unhealthy-cluster'], done: ['member-not-found'] }, async () => {
        await withMember(await leading({ ...ctx, signal }), { ...ctx, signal }, async (etcd) => await etcd.removeMember(member.id, signal));
      });
      return true;
    },
  });
}

/** Before anything is added: with the dead one still in it, an added member would raise what a majority is. */
export const etcdRemove = defineStep({
  kind: 'etcd/remove',
  version: 1,
  summary: 'removes the lost member, and learners that nobody started, from the cluster that has quorum',
  verifies: 'the members that are left list none of them',
  byHand: [
    'on the lost machine: `mv /etc/kubernetes/manifests/etcd.yaml /etc/kubernetes/`',
    '`etcdctl member remove ID` of the dead member, before any other is added',
  ],
  with: removeWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: true,
  timeoutMs: 15 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'remove-member', destroys: 'the place of a lost member in its cluster: its data is of no cluster any more' }],
  async observe(ctx) {
    const found = await listed(ctx);
    return found.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: { listed: found.map(({ id }) => id) } };
  },
  plan: async ({ with: { replacement } }) => replacement.remove.map(({ id, name }) => ({ verb: 'delete' as const, subject: `member ${name} ${id}`.trim() })),
  async execute(ctx) {
    if (ctx.with.saved.length === 0)
      throw new DrError({
        code: 'SNAPSHOT_NOT_PROVEN',
        message: 'nothing of what lives could be saved and verified, so no member is removed',
        suggestions: ['see the findings of the step that saves'],
      });
    await refuseReturned(ctx);
    await stopComponent((await target(ctx)).node, 'etcd', ctx);
    for (const member of await listed(ctx)) await remove(member, ctx);
  },
  async verify(ctx) {
    const found = await listed(ctx);
    return found.length === 0
      ? { ok: true, outputs: {}, evidence: {} }
      : { ok: false, reason: `still listed: ${found.map(({ id }) => id).join(', ')}`, evidence: {} };
  },
});

/** What is not yet there of the new member and of what runs beside it; empty when it is whole. */
async function missing(ctx: Ctx): Promise<readonly string[]> {
  const joining = await joiningOf(ctx);
  const { node, member } = joining;
  const { state } = await memberState(joining, ctx);
  const components = node.preset.components.filter((component) => member.components.includes(component));
  const running = await Promise.all(components.map(async (component) => ({ component, ...(await ask(node, node.preset.running(component), ctx.signal)) })));
  return [
    ...(state === 'voter' ? [] : [`its member is ${state}`]),
    ...running.flatMap(({ component, running: isRunning }) => (isRunning ? [] : [`${component} does not run`])),
  ];
}

/** Puts a member on the machine again, by way of a learner. */
export const etcdRejoin = defineStep({
  kind: 'etcd/rejoin',
  version: 1,
  summary: 'adds a member on the machine as a learner, and promotes it once it has everything',
  verifies: 'it votes, and everything that is defined on the machine runs',
  byHand: [
    'move what is left in /var/lib/etcd/member aside; `etcdctl member add NAME --learner --peer-urls https://IP:2380`, again while it says `unhealthy cluster`',
    'in its etcd.yaml set `--initial-cluster` to all members and `--initial-cluster-state=existing`, and move it back',
    '`etcdctl member promote ID` until it is taken',
  ],
  with: replaceWith,
  outputs: z.object({ member: z.string() }),
  risk: 'destructive',
  safety: true,
  timeoutMs: 2 * 3_600_000,
  retry: DEFAULT_RETRY,
  effects: [
    { name: 'add-member', destroys: 'nothing: a member that does not vote is added; what was left in its data directory is moved out of the way' },
    { name: 'promote', destroys: 'nothing: from then on the member counts for quorum' },
  ],
  async observe(ctx) {
    const open = await missing(ctx);
    return open.length === 0 ? { state: 'present', outputs: await joined(ctx), evidence: {} } : { state: 'partial', evidence: { open: [...open] } };
  },
  plan: async ({ with: { replacement } }) => [{ verb: 'create', subject: `a member on ${replacement.node}` }],
  async execute(ctx) {
    const joining = await joiningOf(ctx);
    if ((await memberState(joining, ctx)).state === 'absent') await stopComponent(joining.node, 'etcd', ctx);
    await join(joining, ctx);
  },
  async verify(ctx) {
    const open = await missing(ctx);
    return open.length === 0 ? { ok: true, outputs: await joined(ctx), evidence: {} } : { ok: false, reason: open.join('; '), evidence: {} };
  },
});

async function joined(ctx: Ctx): Promise<{ member: string }> {
  const found = await memberState(await joiningOf(ctx), ctx);
  return { member: 'found' in found ? found.found.id : '' };
}
