import { z } from 'zod';
import { DEFAULT_RETRY } from '../../../engine/step.ts';
import { DrError } from '../../../errors/dr-error.ts';
import { markOf, setMark } from '../../../etcd/presets/aside.ts';
import { RKE2_STARTED } from '../../../etcd/presets/rke2.ts';
import { rke2ResetState } from '../../../etcd/presets/rke2-data.ts';
import { markerKey } from '../../../etcd/scrub.ts';
import { defineStep } from '../../define-step.ts';
import { lookUntil } from '../../wait.ts';
import { startComponent } from '../components.ts';
import { fenceAgain, fencedWith } from '../fence-schema.ts';
import { requireFenced } from '../fenced.ts';
import { keepClosed, openFront } from '../front.ts';
import { hashAt, ifMemberAnswers } from '../member-access.ts';
import { ask, tell } from '../plane.ts';
import { type Rke2Ctx, serversOf } from './servers.ts';

const outputs = z.object({ identity: z.object({ memberId: z.string(), clusterId: z.string() }) });

/** rke2 unpacks its images before its kubelet starts a pod, and etcd reads a database of 8 GiB before it answers. */
const SERVE_MS = 15 * 60_000;
const LOOKS_APART_MS = 500;

/** What the etcd of the first server is; `faults`: why it is not what was restored. */
interface Found {
  readonly identity: z.output<typeof outputs>['identity'];
  readonly faults: readonly string[];
}

async function look(ctx: Rke2Ctx): Promise<Found | undefined> {
  const { hashKv } = ctx.with.prepared;
  return await ifMemberAnswers((await serversOf(ctx)).seed, ctx, async (etcd, signal) => {
    const [{ memberId, clusterId, revision }, marker] = await Promise.all([etcd.status(signal), etcd.get(markerKey(ctx.run.id), signal)]);
    const faults = [
      ...(BigInt(revision) >= BigInt(hashKv.revision) ? [] : [`it is at revision ${revision}, before ${hashKv.revision}`]),
      ...(marker === undefined ? ['it does not have the mark of this run'] : []),
    ];
    return { identity: { memberId, clusterId }, faults };
  });
}

/**
 * What must be so while nobody has joined. Content is compared at the revision that was prepared, as the API server writes already; from its second compaction on,
 * minutes later, that revision is gone, and the mark of the run has to do.
 */
async function contentFaults(ctx: Rke2Ctx): Promise<readonly string[] | undefined> {
  const { hashKv } = ctx.with.prepared;
  return await ifMemberAnswers((await serversOf(ctx)).seed, ctx, async (etcd, signal) => {
    const [members, alarms, hash] = await Promise.all([etcd.members(signal), etcd.alarms(signal), hashAt(etcd, hashKv.revision, signal)]);
    return [
      ...(members.length === 1 ? [] : [`it has ${members.length} members`]),
      ...(alarms.length === 0 ? [] : [`it has the alarms ${alarms.join(', ')}`]),
      ...(hash === undefined || hash.hash === hashKv.hash ? [] : [`its HashKV at revision ${hashKv.revision} is ${hash.hash}, not ${hashKv.hash}`]),
    ];
  });
}

async function wasStarted(ctx: Rke2Ctx): Promise<boolean> {
  return (await ask((await serversOf(ctx)).seed.node, markOf(ctx.run.id, RKE2_STARTED), ctx.signal)) !== undefined;
}

/** Starts rke2 on what was restored. The note comes before: whoever finds it never resets again, whatever else there is. */
export const etcdRke2Start = defineStep({
  kind: 'rke2/start',
  version: 1,
  summary: 'starts rke2 on the first server with its ports closed to all others, and proves by its content that it is what was restored',
  verifies: 'mark of this run, HashKV at the prepared revision unless it is compacted away, one member, no alarm; ids may be those of the lost cluster',
  byHand: ['`systemctl unmask rke2-server && systemctl start rke2-server` on the first server, with 6443 and 9345 dropped but from `lo`'],
  with: fencedWith,
  outputs,
  risk: 'destructive',
  safety: true,
  timeoutMs: 40 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'start', destroys: 'nothing: controllers act on what was restored from now on, and a reset would lose what they write' }],
  async observe(ctx) {
    if (!(await wasStarted(ctx))) return { state: 'absent', evidence: {} };
    const found = await look(ctx);
    if (found === undefined) return { state: 'partial', evidence: { etcd: 'does not answer' } };
    const { identity, faults } = found;
    return faults.length === 0
      ? { state: 'present', outputs: { identity }, evidence: { ...identity } }
      : { state: 'unknown', evidence: { faults: [...faults] } };
  },
  plan: async ({ with: { prepared } }) => [{ verb: 'run', subject: `start rke2 on ${prepared.seed.node}`, note: 'closed to other machines' }],
  async execute(ctx) {
    const { node } = (await serversOf(ctx)).seed;
    const state = await ask(node, rke2ResetState(ctx.run.id), ctx.signal);
    if (state !== 'restored' && state !== 'started')
      throw new DrError({ code: 'CONTROL_PLANE_NOT_READY', message: `the reset of rke2 on ${node.name} is ${state}: it is not started on that` });
    await requireFenced(ctx, fenceAgain(ctx.with));
    await keepClosed(await openFront(ctx), ctx);
    await ctx.effect({
      name: 'start',
      key: node.name,
      timeoutMs: SERVE_MS,
      check: async () => ((await look(ctx)) === undefined ? { state: 'todo', evidence: {} } : { state: 'done', result: true }),
      run: async (signal) => {
        if (state === 'restored') await tell(node, setMark(ctx.run.id, { name: RKE2_STARTED, value: new Date(ctx.clock.now()).toISOString() }), signal);
        await startComponent(node, 'etcd', { ...ctx, signal });
        return true;
      },
    });
    await lookUntil(ctx, SERVE_MS, {
      apartMs: LOOKS_APART_MS,
      late: () =>
        new DrError({ code: 'ETCD_UNAVAILABLE', message: `the restored etcd of ${node.name} does not serve`, suggestions: ['journalctl -u rke2-server'] }),
      look: async (signal) => await look({ ...ctx, signal }),
    });
  },
  async verify(ctx) {
    const [found, content] = [await look(ctx), await contentFaults(ctx)];
    if (found === undefined || content === undefined) return { ok: false, reason: 'it does not answer', evidence: {} };
    const faults = [...found.faults, ...content];
    const { node } = ctx.with.prepared.seed;
    if (faults.length > 0) throw new DrError({ code: 'ETCD_IDENTITY', message: `etcd of ${node} is not what was restored: ${faults.join('; ')}` });
    return {
      ok: true,
      outputs: { identity: found.identity },
      evidence: { ...found.identity, told: 'by its content: rke2 gives etcd no token of its own, so that its ids may be those of the lost cluster' },
    };
  },
});
