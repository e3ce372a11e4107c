import { createHash } from 'node:crypto';
import type { StepContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { clearForJoin } from '../../etcd/presets/aside.ts';
import type { Etcd, EtcdMember, EtcdRefusal } from '../../ports/etcd.ts';
import type { StepPorts } from '../ports.ts';
import { lookUntil } from '../wait.ts';
import { startComponent } from './components.ts';
import { withMember } from './member-access.ts';
import { ask, type PlaneCtx, type PlaneNode, tell } from './plane.ts';
import type { PlaneMember } from './plane-schema.ts';

/** A change of members is refused until every member was heard for 5 s (etcd `server/etcdserver/server.go`, `HealthInterval`). */
export const HEALTHY_MS = 90_000;
/** A learner reads the whole database first; 8 GiB over 1 Gb/s take over a minute. */
const CAUGHT_UP_MS = 30 * 60_000;
const LOOKS_APART_MS = 500;

export type JoinCtx = StepContext<PlaneCtx['with'], StepPorts>;

/** A machine that joins, and the member that answers for the cluster. */
export interface Joining {
  readonly node: PlaneNode;
  readonly member: PlaneMember;
  readonly leader: { readonly node: PlaneNode; readonly member: PlaneMember };
}

/** How far a machine is in the cluster, as the cluster says. */
export type MemberState = { readonly state: 'absent' } | { readonly state: 'unstarted' | 'learner' | 'voter' | 'foreign'; readonly found: EtcdMember };

/** Looks a machine's member up by its peer URL. */
export async function memberState({ member, leader }: Joining, ctx: PlaneCtx): Promise<MemberState> {
  const members = await withMember(leader, ctx, async (etcd) => await etcd.members(ctx.signal));
  const found = members.find(({ peerUrls }) => peerUrls.includes(member.peerUrl));
  if (found === undefined) return { state: 'absent' };
  if (found.name === '') return { state: 'unstarted', found };
  if (found.name !== member.name) return { state: 'foreign', found };
  return { state: found.isLearner ? 'learner' : 'voter', found };
}

/**
 * Brings one machine into the cluster: added as a learner, which does not count for quorum; started; made a voter once it has everything; then its API server
 * and controllers. Each part asks first how far it is, so it may begin at any of them.
 */
export async function join(joining: Joining, ctx: JoinCtx): Promise<void> {
  const { node, member } = joining;
  ctx.progress({ message: `${node.name} joins` });
  await add(joining, ctx);
  await define(joining, ctx);
  await startComponent(node, 'etcd', ctx);
  await promote(joining, ctx);
  for (const component of node.preset.components) if (component !== 'etcd' && member.components.includes(component)) await startComponent(node, component, ctx);
}

async function add(joining: Joining, ctx: JoinCtx): Promise<void> {
  const { node, member, leader } = joining;
  const { dataDir, walDir } = member;
  await ctx.effect({
    name: 'add-member',
    key: `${node.name}/${member.peerUrl}`,
    timeoutMs: HEALTHY_MS + 60_000,
    check: async () => {
      const { state } = await memberState(joining, ctx);
      return state === 'absent' || state === 'foreign' ? { state: 'todo', evidence: { member: state } } : { state: 'done', result: true };
    },
    run: async (signal) => {
      const now = await memberState(joining, { ...ctx, signal });
      if (now.state === 'foreign') throw foreign(now.found, member);
      if (now.state !== 'absent') return true;
      await tell(node, clearForJoin({ runId: ctx.run.id, dataDir, walDir }), signal);
      await untilTaken(
        { ...ctx, signal },
        { limitMs: HEALTHY_MS, what: `${node.name} is not taken as a learner`, wait: ['unhealthy-cluster', 'too-many-learners'], done: ['peer-url-exists'] },
        async () => {
          await withMember(leader, { ...ctx, signal }, async (etcd) => await etcd.addLearner(member.peerUrl, signal));
        },
      );
      return true;
    },
  });
}

function foreign({ name, id }: EtcdMember, member: PlaneMember): DrError {
  return new DrError({
    code: 'ETCD_IDENTITY',
    message: `member ${id} has the peer URL ${member.peerUrl} of ${member.node} and is called '${name}', not '${member.name}'`,
    suggestions: [`find out what it is; if nothing: etcdctl member remove ${BigInt(id).toString(16)}, and resume`],
  });
}

/** Tells the machine's etcd whom it joins, unless it has begun: then its log says it. */
async function define({ node, member, leader }: Joining, ctx: JoinCtx): Promise<void> {
  const { parked } = await ask(node, node.preset.definitions(ctx.run.id), ctx.signal);
  const definition = parked.get('etcd');
  if (definition === undefined) return;
  const members = await withMember(leader, ctx, async (etcd) => await etcd.members(ctx.signal));
  const named = members.map(({ name, peerUrls }) => ({ name: peerUrls.includes(member.peerUrl) ? member.name : name, peerUrl: peerUrls[0] ?? '' }));
  const { path, text } = node.preset.join(definition, named);
  const content = Buffer.from(text);
  const sha256 = createHash('sha256').update(content).digest('hex');
  await node.machine.upload({ source: [content], path, sha256, mode: 0o600, signal: ctx.signal });
}

async function promote(joining: Joining, ctx: JoinCtx): Promise<void> {
  const { node, leader } = joining;
  const found = await memberState(joining, ctx);
  if (found.state === 'voter') return;
  const id = 'found' in found ? found.found.id : '';
  await ctx.effect({
    name: 'promote',
    key: `${node.name}/${id}`,
    timeoutMs: CAUGHT_UP_MS + 60_000,
    check: async () => ((await memberState(joining, ctx)).state === 'voter' ? { state: 'done', result: true } : { state: 'todo', evidence: {} }),
    run: async (signal) => {
      // That it is no learner any more means that an earlier call was taken and its answer lost.
      const rules = {
        limitMs: CAUGHT_UP_MS,
        what: `${node.name} does not catch up`,
        wait: ['learner-behind', 'unhealthy-cluster'],
        done: ['not-a-learner'],
      } as const;
      await untilTaken({ ...ctx, signal }, rules, async () => {
        await withMember(leader, { ...ctx, signal }, async (etcd: Etcd) => await etcd.promote(id, signal));
      });
      return true;
    },
  });
  if ((await memberState(joining, ctx)).state !== 'voter') throw new DrError({ code: 'ETCD_IDENTITY', message: `${node.name} was made a voter and is none` });
}

interface Rules {
  readonly limitMs: number;
  readonly what: string;
  /** Refusals that pass. */
  readonly wait: readonly EtcdRefusal[];
  /** Refusals that say that it has been done. */
  readonly done: readonly EtcdRefusal[];
}

/** Calls a change of members until it is taken. */
export async function untilTaken(ctx: JoinCtx, { limitMs, what, wait, done }: Rules, call: () => Promise<void>): Promise<void> {
  let last = '';
  await lookUntil(ctx, limitMs, {
    apartMs: LOOKS_APART_MS,
    late: () => new DrError({ code: 'ETCD_FAILED', message: `${what}: ${last}` }),
    look: async () => {
      try {
        await call();
        return true;
      } catch (error) {
        const reason = isDrError(error, 'ETCD_FAILED') ? (error.details['reason'] as EtcdRefusal | undefined) : undefined;
        if (reason !== undefined && done.includes(reason)) return true;
        if (reason === undefined || !wait.includes(reason)) throw error;
        last = error instanceof Error ? error.message : '';
        return undefined;
      }
    },
  });
}
