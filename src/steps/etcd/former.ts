import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { emptyData } from '../../etcd/presets/aside.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { lookUntil } from '../wait.ts';
import { ifMemberAnswers } from './member-access.ts';
import { answeringMachines, answeringNodes, ask, factsOf, tell } from './plane.ts';
import { asOther, rollbackWith } from './rollback-plane.ts';

type Ctx = ReadContext<z.output<typeof rollbackWith>, StepPorts>;
/** A kubelet's look, and an etcd that reads its data. */
const ANSWERS_MS = 5 * 60_000;
const LOOKS_APART_MS = 1_000;

/**
 * Definitions that are still put aside, by machine. That of an etcd stays so where its data directory is empty: with the definition of a first member (`--initial-cluster-state=new`,
 * etcd's default, which kubeadm leaves) it would found an empty cluster under the old ids. Whatever else is there, it was started on before.
 */
async function parked(ctx: Ctx): Promise<readonly { readonly node: string; readonly components: readonly string[] }[]> {
  const other = asOther(ctx);
  return await Promise.all(
    (await answeringNodes(ctx)).map(async (node) => {
      const member = ctx.with.plane.members.find((one) => one.node === node.name);
      const isEmpty = member === undefined || (await ask(node, emptyData(member.dataDir), ctx.signal));
      const found = await Promise.all(
        node.preset.components.map(async (component) => {
          const place = await ask(node, node.preset.parkState(component, other.run.id), ctx.signal);
          const startsEtcd = component === 'etcd' || node.preset.whole !== undefined;
          return place === 'parked' && !(startsEtcd && isEmpty) ? [component] : [];
        }),
      );
      return { node: node.name, components: found.flat() };
    }),
  );
}

/** What members that answered before the restore do not say as they did. */
async function differences(ctx: Ctx): Promise<readonly string[]> {
  const found = await Promise.all(
    (await answeringMachines(ctx)).map(async ({ node, member }) => {
      if (member.alive === undefined) return [];
      // An etcd that is started without quorum opens its ports and serves no clients, not even those of maintenance (etcd `server/embed/serve.go`, `serve` waits for
      // `ReadyNotify`). What it is, is then known from its files, which were compared before it was started.
      if (!member.alive.hasLeader)
        return (await ask(node, node.preset.running('etcd'), ctx.signal)).ports.length > 0 ? [] : [`etcd of ${node.name} does not run`];
      const status = await ifMemberAnswers({ node, member }, ctx, async (etcd, signal) => await etcd.status(signal));
      if (status === undefined) return [`${node.name} does not answer`];
      const { clusterId, memberId, revision } = member.alive;
      const isSame = status.clusterId === clusterId && status.memberId === memberId && BigInt(status.revision) >= BigInt(revision);
      return isSame
        ? []
        : [
            `${node.name} is member ${status.memberId} of ${status.clusterId} at revision ${status.revision}, and was ${memberId} of ${clusterId} at ${revision}`,
          ];
    }),
  );
  return found.flat();
}

/** Starts what ran before the restore, on the data it had, and compares it with what the run found there. */
export const etcdFormer = defineStep({
  kind: 'etcd/former',
  version: 1,
  summary: 'puts every definition back, and proves that the members are what they were',
  verifies: 'each member that answered runs again on its own data; where there was a leader, with its ids and no lower revision',
  byHand: ['move the manifests back into /etc/kubernetes/manifests on each machine; `etcdctl endpoint status -w json` shows the old ids'],
  with: rollbackWith,
  outputs: z.object({}),
  risk: 'reversible',
  safety: true,
  timeoutMs: 20 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const open = (await parked(ctx)).filter(({ components }) => components.length > 0);
    if (open.length > 0) return { state: 'absent', evidence: { parked: open.map(({ node, components }) => `${node}: ${components.join(', ')}`) } };
    const faults = await differences(ctx);
    return faults.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'partial', evidence: { faults: [...faults] } };
  },
  plan: async ({ with: { plane } }) => factsOf(plane).map(({ node }) => ({ verb: 'run' as const, subject: `start what ran on ${node}` })),
  async execute(ctx) {
    const other = asOther(ctx);
    const open = new Map((await parked(ctx)).map(({ node, components }) => [node, components]));
    for (const node of await answeringNodes(ctx)) {
      for (const component of node.preset.components.toReversed()) {
        if (open.get(node.name)?.includes(component) === true) await tell(node, node.preset.unpark(component, other.run.id), ctx.signal);
      }
    }
    let last: readonly string[] = [];
    await lookUntil(ctx, ANSWERS_MS, {
      apartMs: LOOKS_APART_MS,
      late: () => new DrError({ code: 'VERIFY_FAILED', message: last.join('; ') }),
      look: async (signal) => {
        last = await differences({ ...ctx, signal });
        return last.length === 0 ? true : undefined;
      },
    });
  },
  async verify(ctx) {
    const faults = await differences(ctx);
    return faults.length === 0 ? { ok: true, outputs: {}, evidence: {} } : { ok: false, reason: faults.join('; '), evidence: {} };
  },
});
