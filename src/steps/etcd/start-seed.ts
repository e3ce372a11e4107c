import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { REGISTRY } from '../../etcd/registry.ts';
import { markerKey } from '../../etcd/scrub.ts';
import type { Etcd } from '../../ports/etcd.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { lookUntil } from '../wait.ts';
import { startComponent } from './components.ts';
import { fenceAgain, fencedWith } from './fence-schema.ts';
import { requireFenced } from './fenced.ts';
import { ifMemberAnswers } from './member-access.ts';
import { openSeed, type SeedCtx } from './seed-request.ts';

type Ctx = ReadContext<z.output<typeof fencedWith>, StepPorts>;

/** etcd reads a database of 8 GiB before it answers. */
const SERVE_MS = 5 * 60_000;
const LOOKS_APART_MS = 300;

/** Why an etcd is not the one that was restored; empty when it is. Whoever joined it since is no fault. */
async function identityFaults(etcd: Etcd, ctx: SeedCtx, signal: AbortSignal): Promise<readonly string[]> {
  const { identity, hashKv } = ctx.with.prepared;
  const [status, marker] = await Promise.all([etcd.status(signal), etcd.get(markerKey(ctx.run.id), signal)]);
  return [
    ...(status.clusterId === identity.clusterId ? [] : [`it is of cluster ${status.clusterId}, not ${identity.clusterId}`]),
    ...(status.memberId === identity.memberId ? [] : [`it is member ${status.memberId}, not ${identity.memberId}`]),
    ...(BigInt(status.revision) >= BigInt(hashKv.revision) ? [] : [`it is at revision ${status.revision}, before ${hashKv.revision}`]),
    ...(marker === undefined ? ['it does not have the mark of this run'] : []),
  ];
}

/** What must be so before any API server writes to it. */
async function contentFaults(etcd: Etcd, ctx: SeedCtx, signal: AbortSignal): Promise<readonly string[]> {
  const { hashKv, objects } = ctx.with.prepared;
  const [members, alarms, hash, count] = await Promise.all([
    etcd.members(signal),
    etcd.alarms(signal),
    etcd.hashKv(hashKv.revision, signal),
    etcd.count(REGISTRY, signal),
  ]);
  return [
    ...(members.length === 1 ? [] : [`it has ${members.length} members`]),
    ...(alarms.length === 0 ? [] : [`it has the alarms ${alarms.join(', ')}`]),
    ...(hash.hash === hashKv.hash ? [] : [`its HashKV is ${hash.hash}, not ${hashKv.hash}`]),
    ...(count === objects ? [] : [`it has ${count} objects, not ${objects}`]),
  ];
}

async function serves(ctx: Ctx): Promise<readonly string[] | undefined> {
  const { node, member } = await openSeed(ctx);
  return await ifMemberAnswers({ node, member }, ctx, async (etcd, signal) => await identityFaults(etcd, ctx, signal));
}

/** Starts the restored member. What it is was predicted before anything was fenced; it must say the same. */
export const etcdStart = defineStep({
  kind: 'etcd/start',
  version: 1,
  summary: 'starts the restored member alone, and compares what it is with what was predicted',
  verifies: 'cluster id, member id, HashKV, number of objects, mark of this run, one member, no alarm',
  byHand: ['move etcd.yaml back into /etc/kubernetes/manifests on the seed alone; `etcdctl endpoint status -w json` shows the predicted cluster id'],
  with: fencedWith,
  outputs: z.object({}),
  risk: 'reversible',
  safety: true,
  timeoutMs: 20 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const faults = await serves(ctx);
    if (faults === undefined) return { state: 'absent', evidence: {} };
    return faults.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'unknown', evidence: { faults: [...faults] } };
  },
  plan: async ({ with: { prepared } }) => [{ verb: 'run', subject: `start etcd on ${prepared.seed.node}`, note: `as member ${prepared.identity.memberId}` }],
  async execute(ctx) {
    await requireFenced(ctx, fenceAgain(ctx.with));
    const { node } = await openSeed(ctx);
    await startComponent(node, 'etcd', ctx);
    await lookUntil(ctx, SERVE_MS, {
      apartMs: LOOKS_APART_MS,
      late: () =>
        new DrError({ code: 'ETCD_UNAVAILABLE', message: `the restored etcd of ${node.name} does not serve`, suggestions: ['see its log on the machine'] }),
      look: async (signal) => await serves({ ...ctx, signal }),
    });
  },
  async verify(ctx) {
    const { node, member } = await openSeed(ctx);
    const faults = await ifMemberAnswers({ node, member }, ctx, async (etcd, signal) => [
      ...(await identityFaults(etcd, ctx, signal)),
      ...(await contentFaults(etcd, ctx, signal)),
    ]);
    if (faults === undefined) return { ok: false, reason: 'it does not answer', evidence: {} };
    if (faults.length > 0) throw new DrError({ code: 'ETCD_IDENTITY', message: `etcd of ${node.name} is not what was restored: ${faults.join('; ')}` });
    const { clusterId, memberId } = ctx.with.prepared.identity;
    return { ok: true, outputs: {}, evidence: { clusterId, memberId } };
  },
});
