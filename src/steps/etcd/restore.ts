import { z } from 'zod';
import { NO_RETRY, type StepContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { commandFailed } from '../../etcd/presets/probe.ts';
import { installCommand, restoreCommand } from '../../etcd/presets/restore-data.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { fenceAgain, fencedWith } from './fence-schema.ts';
import { requireFenced } from './fenced.ts';
import { tell } from './plane.ts';
import { openSeed, RESTORE_TRIES, restoreJob, type Seed, seedState } from './seed-request.ts';

type Ctx = StepContext<z.output<typeof fencedWith>, StepPorts>;

/** Runs the restore as a job of the machine. One that was lost or failed left nothing but its scratch, which the next one removes; it gets another key. */
async function restore({ node, request }: Seed, ctx: Ctx): Promise<void> {
  const command = restoreCommand(request);
  for (let count = 1; count <= RESTORE_TRIES; count += 1) {
    const key = restoreJob(ctx.run.id, count);
    const before = await node.machine.jobState(key, ctx.signal);
    if (before.state === 'lost' || (before.state === 'ended' && before.result.exitCode !== 0)) continue;
    try {
      const result = await node.machine.job({ ...command, key, signal: ctx.signal });
      if (result.exitCode !== 0) throw commandFailed(command, result);
      return;
    } catch (error) {
      if (!isDrError(error, 'NODE_JOB_LOST')) throw error;
    }
  }
  throw new DrError({
    code: 'NODE_JOB_LOST',
    message: `${node.name} was lost ${RESTORE_TRIES} times under a restore`,
    suggestions: ['look at the machine; take another one first in the plan'],
  });
}

/** Restores into a folder beside the data directory's place: a restore that fails leaves what etcd would start on and serve. */
export const etcdRestore = defineStep({
  kind: 'etcd/restore',
  version: 1,
  summary: 'restores the prepared snapshot beside the place where it will be, under a token that no cluster ever had',
  verifies: 'the restored tree is whole and on disk',
  byHand: [
    '`etcdutl snapshot restore prepared.db --data-dir /var/lib/etcd/.lattice-dr-RUN --initial-cluster-token lattice-dr-RUN` with name and peer URL of the member',
  ],
  with: fencedWith,
  outputs: z.object({}),
  risk: 'reversible',
  safety: true,
  timeoutMs: 60 * 60_000,
  retry: NO_RETRY,
  effects: [],
  async observe(ctx) {
    const state = await seedState(await openSeed(ctx), ctx);
    if (state === 'ready' || state === 'installed') return { state: 'present', outputs: {}, evidence: { state } };
    return { state, evidence: {} };
  },
  plan: async ({ with: { prepared } }) => [
    { verb: 'create', subject: `restored data on ${prepared.seed.node}`, note: `cluster ${prepared.identity.clusterId}` },
  ],
  async execute(ctx) {
    await requireFenced(ctx, fenceAgain(ctx.with));
    await restore(await openSeed(ctx), ctx);
  },
  async verify(ctx) {
    const state = await seedState(await openSeed(ctx), ctx);
    return state === 'ready' || state === 'installed'
      ? { ok: true, outputs: {}, evidence: { state } }
      : { ok: false, reason: `the restore is ${state}`, evidence: {} };
  },
});

/** Puts what was restored in its place by one rename. */
export const etcdInstall = defineStep({
  kind: 'etcd/install',
  version: 1,
  summary: 'puts the restored data in its place, by one rename',
  verifies: 'the data is in its place, and the folder it was restored in is empty',
  byHand: ['`mv /var/lib/etcd/.lattice-dr-RUN/member /var/lib/etcd/member`: only when nothing is there'],
  with: fencedWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: true,
  timeoutMs: 10 * 60_000,
  retry: NO_RETRY,
  effects: [{ name: 'install', destroys: 'nothing: it refuses where a member is; from then on the machine has the restored data' }],
  async observe(ctx) {
    const state = await seedState(await openSeed(ctx), ctx);
    return state === 'installed' ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: { state } };
  },
  plan: async ({ with: { prepared, plane } }) => [
    { verb: 'create', subject: `${plane.members.find(({ node }) => node === prepared.seed.node)?.dataDir ?? ''}/member on ${prepared.seed.node}` },
  ],
  async execute(ctx) {
    await requireFenced(ctx, fenceAgain(ctx.with));
    const seed = await openSeed(ctx);
    await ctx.effect({
      name: 'install',
      key: seed.node.name,
      timeoutMs: 120_000,
      check: async () => ((await seedState(seed, ctx)) === 'installed' ? { state: 'done', result: true } : { state: 'todo', evidence: {} }),
      run: async (signal) => {
        await tell(seed.node, installCommand(seed.request), signal);
        return true;
      },
    });
  },
  async verify(ctx) {
    const state = await seedState(await openSeed(ctx), ctx);
    return state === 'installed' ? { ok: true, outputs: {}, evidence: {} } : { ok: false, reason: `the restored data is ${state}`, evidence: {} };
  },
});
