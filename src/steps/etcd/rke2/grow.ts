import { z } from 'zod';
import { DEFAULT_RETRY, type StepContext } from '../../../engine/step.ts';
import { DrError, isDrError } from '../../../errors/dr-error.ts';
import { setMark } from '../../../etcd/presets/aside.ts';
import { RKE2_STARTED, SUPERVISOR_PORT } from '../../../etcd/presets/rke2.ts';
import { joinRke2 } from '../../../etcd/presets/rke2-data.ts';
import { defineStep } from '../../define-step.ts';
import type { StepPorts } from '../../ports.ts';
import { lookUntil } from '../../wait.ts';
import { AT_ONCE, withApi } from '../api-access.ts';
import { fenceAgain, fencedWith } from '../fence-schema.ts';
import { requireFenced } from '../fenced.ts';
import { openFront } from '../front.ts';
import { ifMemberAnswers } from '../member-access.ts';
import { type PlaneMachine, tell } from '../plane.ts';
import { type Rke2Ctx, serversOf } from './servers.ts';

/** A server unpacks images, reads the whole database as a learner, and is looked at for promotion every 15 s (k3s `pkg/etcd/etcd.go`, `manageTickerTime`). */
const JOIN_MS = 45 * 60_000;
const LOOKS_APART_MS = 1_000;

/** Why a server is none of the voters yet; `undefined` when it is. Both etcd and rke2 have to say so. */
async function notYet({ node, member }: PlaneMachine, ctx: Rke2Ctx): Promise<string | undefined> {
  // A leader may be elected anew when a learner gets its vote.
  const members = await ifMemberAnswers((await serversOf(ctx)).seed, ctx, async (etcd, signal) => await etcd.members(signal));
  if (members === undefined) return 'cannot be looked up: the first member does not answer';
  const found = members.find(({ peerUrls }) => peerUrls.includes(member.peerUrl));
  if (found === undefined) return 'is no member';
  if (found.isLearner || found.name === '') return 'does not vote yet';
  if (node.preset.whole?.isMemberOf(found.name, node.name) === false) throw foreign(found, node.name);
  return await conditionOf(node.name, ctx);
}

function foreign({ name, id }: { readonly name: string; readonly id: string }, node: string): DrError {
  return new DrError({ code: 'ETCD_IDENTITY', message: `member ${id} has the address of ${node} and is called '${name}', which is no member of that server` });
}

/** What rke2 says of the server's member, on its Node. */
async function conditionOf(name: string, ctx: Rke2Ctx): Promise<string | undefined> {
  try {
    return await withApi(await openFront(ctx), { ...ctx, patience: AT_ONCE }, async (cluster) => {
      const node = await cluster.get({ apiVersion: 'v1', kind: 'Node', name }, ctx.signal);
      const conditions = (node?.['status'] as { readonly conditions?: readonly { readonly type?: string; readonly status?: string }[] } | undefined)
        ?.conditions;
      return conditions?.some(({ type, status }) => type === 'EtcdIsVoter' && status === 'True') === true ? undefined : 'its Node is not EtcdIsVoter';
    });
  } catch (error) {
    if (!isDrError(error, 'KUBE_UNAVAILABLE', 'KUBE_UNTRUSTED')) throw error;
    return `the API server does not answer: ${error.message}`;
  }
}

async function waiting(ctx: Rke2Ctx): Promise<readonly (PlaneMachine & { readonly why: string })[]> {
  const found = await Promise.all(
    (await serversOf(ctx)).joining.map(async (machine) => {
      const why = await notYet(machine, ctx);
      return why === undefined ? [] : [{ ...machine, why }];
    }),
  );
  return found.flat();
}

/** Starts a server that joins by itself. What it is told is the same each time, and starting what runs does nothing. */
async function join(machine: PlaneMachine, ctx: StepContext<z.output<typeof fencedWith>, StepPorts>): Promise<void> {
  const { node } = machine;
  const url = `https://${(await serversOf(ctx)).seed.node.address}:${SUPERVISOR_PORT}`;
  ctx.progress({ message: `${node.name} joins` });
  await ctx.effect({
    name: 'join',
    key: node.name,
    timeoutMs: JOIN_MS + 60_000,
    check: async () => ((await notYet(machine, ctx)) === undefined ? { state: 'done', result: true } : { state: 'todo', evidence: {} }),
    run: async (signal) => {
      await tell(node, joinRke2(url), signal);
      await tell(node, setMark(ctx.run.id, { name: RKE2_STARTED, value: new Date(ctx.clock.now()).toISOString() }), signal);
      await tell(node, node.preset.unpark('etcd', ctx.run.id), signal);
      let last: string | undefined;
      await lookUntil({ ...ctx, signal }, JOIN_MS, {
        apartMs: LOOKS_APART_MS,
        late: () => new DrError({ code: 'ETCD_FAILED', message: `${node.name} ${last ?? ''}`, suggestions: ['journalctl -u rke2-server, on that server'] }),
        look: async (soon) => {
          last = await notYet(machine, { ...ctx, signal: soon });
          return last === undefined ? true : undefined;
        },
      });
      return true;
    },
  });
}

/** Grows the cluster to all its servers, one after the other, each by its own joining. */
export const etcdRke2Grow = defineStep({
  kind: 'rke2/grow',
  version: 1,
  summary: 'starts the other servers of rke2, one after the other, each of which joins the first',
  verifies: 'each is a voting member by etcd, and EtcdIsVoter by its Node',
  byHand: [
    'on each in turn: `server: https://SEED:9345` in /etc/rancher/rke2/config.yaml.d/99-lattice-dr.yaml, `systemctl unmask rke2-server && systemctl start rke2-server`',
  ],
  with: fencedWith,
  outputs: z.object({ members: z.number() }),
  risk: 'destructive',
  safety: true,
  timeoutMs: 4 * 3_600_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'join', destroys: 'nothing: a server without a database is started, and becomes a member' }],
  async observe(ctx) {
    const open = await waiting(ctx);
    const members = ctx.with.prepared.seed.joining.length + 1;
    if (open.length === 0) return { state: 'present', outputs: { members }, evidence: {} };
    return { state: open.length === members - 1 ? 'absent' : 'partial', evidence: { waiting: open.map(({ node, why }) => `${node.name} ${why}`) } };
  },
  plan: async ({ with: { prepared } }) => prepared.seed.joining.map((node) => ({ verb: 'create' as const, subject: `a member on ${node}` })),
  async execute(ctx) {
    for (const machine of await waiting(ctx)) {
      await requireFenced(ctx, fenceAgain(ctx.with));
      await join(machine, ctx);
    }
  },
  async verify(ctx) {
    const open = await waiting(ctx);
    if (open.length > 0) return { ok: false, reason: open.map(({ node, why }) => `${node.name} ${why}`).join('; '), evidence: {} };
    return { ok: true, outputs: { members: ctx.with.prepared.seed.joining.length + 1 }, evidence: { joined: [...ctx.with.prepared.seed.joining] } };
  },
});
