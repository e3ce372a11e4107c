import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { placeOf, refOf } from '../../model/kube-object.ts';
import { defineStep } from '../define-step.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { capiClusters, withApi } from './api-access.ts';
import { fencedWith } from './fence-schema.ts';
import { openFront, wasOpened } from './front.ts';
import { keptJson, readKept } from './kept.ts';

type Ctx = ReadContext<z.output<typeof fencedWith>, StepPorts>;
const FILE = 'scrubbed.json';
const outputs = z.object({ paused: z.array(z.string()) });

/** What this run has paused here, or was about to. One that was found paused is none of them: nobody gives it back when the run ends. */
async function scrubbed(ctx: Ctx): Promise<z.output<typeof outputs>> {
  return (await readKept(ctx, FILE, outputs)) ?? { paused: [] };
}

/** Clusters that could not be paused in the data and are not paused yet. Once the API server is open the run itself unpauses them: none is paused again. */
async function running(ctx: Ctx): Promise<readonly string[]> {
  const wanted = new Set(ctx.with.prepared.changes.unpaused);
  if (wanted.size === 0) return [];
  const front = await openFront(ctx);
  if (await wasOpened(front, ctx)) return [];
  const found = await withApi(front, ctx, async (cluster) => await capiClusters(cluster, ctx.signal));
  return found.filter((one) => wanted.has(placeOf(one)) && one.spec?.['paused'] !== true).map(placeOf);
}

/** Pauses by the API what could not be paused in the data, because it is encrypted there, before any controller may start. */
export const etcdScrub = defineStep({
  kind: 'etcd/scrub',
  version: 1,
  summary: 'pauses every Cluster that is encrypted in the data, before any controller runs',
  verifies: 'reads that each of them is paused',
  byHand: ['`kubectl patch cluster NAME -n NAMESPACE --type merge -p \'{"spec":{"paused":true}}\'` for every Cluster'],
  with: fencedWith,
  outputs,
  risk: 'reversible',
  safety: true,
  timeoutMs: 10 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const open = await running(ctx);
    return open.length === 0 ? { state: 'present', outputs: await scrubbed(ctx), evidence: {} } : { state: 'absent', evidence: { open: [...open] } };
  },
  plan: async ({ with: { prepared } }) => prepared.changes.unpaused.map((name) => ({ verb: 'configure' as const, subject: `Cluster ${name}`, note: 'paused' })),
  async execute(ctx) {
    const open = new Set(await running(ctx));
    // Before the first of them is: whoever goes on after a crash finds some of them paused.
    await ctx.keep(FILE, keptJson({ paused: [...open] }));
    await withApi(await openFront(ctx), ctx, async (cluster) => {
      for (const one of (await capiClusters(cluster, ctx.signal)).filter((found) => open.has(placeOf(found)))) {
        await cluster.mergePatch(refOf(one), { spec: { paused: true } }, { fieldManager: FIELD_MANAGER, signal: ctx.signal });
      }
    });
  },
  async verify(ctx) {
    const open = await running(ctx);
    if (open.length > 0) return { ok: false, reason: `not paused: ${open.join(', ')}`, evidence: {} };
    const kept = await scrubbed(ctx);
    return { ok: true, outputs: kept, evidence: { paused: kept.paused } };
  },
});
