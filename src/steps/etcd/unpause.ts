import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { type KubeObject, placeOf, refOf } from '../../model/kube-object.ts';
import { defineStep } from '../define-step.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { capiClusters, withApi } from './api-access.ts';
import { openFront } from './front.ts';
import { pausedByRun, pausedWith, releasePaused } from './paused-holds.ts';

type Ctx = ReadContext<z.output<typeof pausedWith>, StepPorts>;

/** Clusters that this run has paused and that still are; one that was paused before stays so. */
async function paused(ctx: Ctx): Promise<readonly KubeObject[]> {
  const ours = new Set(pausedByRun(ctx.with));
  if (ours.size === 0) return [];
  const found = await withApi(await openFront(ctx), ctx, async (cluster) => await capiClusters(cluster, ctx.signal));
  return found.filter((one) => ours.has(placeOf(one)) && one.spec?.['paused'] === true);
}

/** Gives Clusters back to Cluster API, which then acts on Machines as they were at the snapshot. */
export const etcdUnpause = defineStep({
  kind: 'etcd/unpause',
  version: 1,
  summary: 'lets Cluster API work again on the Clusters that were paused in the data',
  verifies: 'reads that none of them is paused any more',
  byHand: [
    '`kubectl get machines -A` against the machines of the provider: delete Machines of dead machines first, note machines that no Machine knows',
    '`kubectl patch cluster NAME -n NAMESPACE --type merge -p \'{"spec":{"paused":false}}\'`, and watch Machines for some minutes',
  ],
  with: pausedWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: false,
  timeoutMs: 10 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'unpause', destroys: 'machines that Cluster API finds wrong: it removes members and machines that it has no Machine for' }],
  async observe(ctx) {
    const open = await paused(ctx);
    return open.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: { paused: open.map(placeOf) } };
  },
  plan: async ({ with: given }) => pausedByRun(given).map((name) => ({ verb: 'configure' as const, subject: `Cluster ${name}`, note: 'no longer paused' })),
  async execute(ctx) {
    const front = await openFront(ctx);
    for (const one of await paused(ctx)) {
      await ctx.effect({
        name: 'unpause',
        key: placeOf(one),
        timeoutMs: 60_000,
        check: async () =>
          (await paused(ctx)).some((open) => placeOf(open) === placeOf(one)) ? { state: 'todo', evidence: {} } : { state: 'done', result: true },
        run: async (signal) => {
          await withApi(front, { ...ctx, signal }, async (cluster) => {
            const { uid = '', resourceVersion = '' } = one.metadata;
            await cluster.mergePatch(refOf(one), { metadata: { uid, resourceVersion }, spec: { paused: false } }, { fieldManager: FIELD_MANAGER, signal });
          });
          return true;
        },
      });
    }
  },
  async verify(ctx) {
    const open = await paused(ctx);
    if (open.length > 0) return { ok: false, reason: `still paused: ${open.map(placeOf).join(', ')}`, evidence: {} };
    await releasePaused(ctx);
    return { ok: true, outputs: {}, evidence: {} };
  },
});
