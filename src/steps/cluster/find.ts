import { z } from 'zod';
import { DEFAULT_RETRY, type Observation, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import type { Secret } from '../../model/secret.ts';
import { defineStep } from '../define-step.ts';
import { askParent } from '../find-cluster.ts';
import { markedKubeconfig } from '../kept-kubeconfig.ts';
import { capiKubeconfigRef, directKubeconfigRef } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { reach } from '../reach.ts';
import { type Target, targetRef, targetSchema } from '../schemas.ts';
import { kubeconfigIn } from './child.ts';

const withSchema = z.object({ cluster: planCluster });
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;
type WriteCtx = StepContext<z.output<typeof withSchema>, StepPorts>;

const outputs = targetSchema.extend({ server: z.string(), clusterUid: z.string(), version: z.string() });
type Outputs = z.output<typeof outputs>;

/** The file that leads to the cluster, as later steps open it. */
function fileOf({ with: { cluster } }: Ctx): Target {
  const { existing, kubeconfigOut } = cluster;
  if (existing === undefined || !('file' in existing.kubeconfig)) return { kubeconfig: kubeconfigOut };
  const { file, context } = existing.kubeconfig;
  return { kubeconfig: file, ...(context === undefined ? {} : { context }) };
}

async function observeCluster(ctx: Ctx): Promise<Observation<Outputs>> {
  const target = fileOf(ctx);
  const reached = await reach(targetRef(target), ctx);
  if (reached.cluster === undefined) return { state: 'absent', evidence: { file: target.kubeconfig, why: reached.unreachable } };
  const { server } = reached.cluster;
  return { state: 'present', outputs: { ...target, server, clusterUid: reached.uid, version: reached.version }, evidence: { server, file: target.kubeconfig } };
}

/** A kubeconfig that the parent keeps and that leads to a living cluster. */
async function fromParent(ctx: Ctx): Promise<Secret> {
  const { parent, finding } = await askParent(ctx.with.cluster, ctx);
  const { name } = ctx.with.cluster;
  const secrets =
    parent === undefined ? [] : await Promise.all([directKubeconfigRef(name), capiKubeconfigRef(name)].map(async (ref) => await parent.get(ref, ctx.signal)));
  for (const kubeconfig of secrets.flatMap((secret) => kubeconfigIn(secret) ?? []))
    if ((await reach({ kubeconfig }, ctx)).cluster !== undefined) return kubeconfig;
  throw new DrError({
    code: 'KUBE_UNAVAILABLE',
    message: `cluster ${name} does not answer by any kubeconfig that is known${finding === undefined ? '' : ` (${finding})`}`,
    suggestions: ['name one in cluster.existing.kubeconfig of the plan', 'a cluster that is gone is brought back by lattice-dr rebuild'],
  });
}

/** Keeps the parent's kubeconfig in the file the plan names, unless something is there: what leads elsewhere is not replaced. */
async function keep(ctx: WriteCtx): Promise<void> {
  const { kubeconfig } = fileOf(ctx);
  const found = await fromParent(ctx);
  try {
    await ctx.ports.secretFiles.read({ file: kubeconfig });
  } catch (error) {
    if (!isDrError(error, 'SECRET_SOURCE_MISSING')) throw error;
    await ctx.ports.secretFiles.write(kubeconfig, markedKubeconfig(found, ctx.run.id));
    return;
  }
  throw new DrError({
    code: 'TARGET_CHANGED',
    message: `${kubeconfig} exists and leads to no living cluster, while the parent's kubeconfig does`,
    suggestions: ['move that file away: it is of an instance that is no more'],
  });
}

/** Finds the living cluster of the plan, for what is done to it while it lives. Provisions nothing. */
export const clusterFind = defineStep({
  kind: 'cluster/find',
  version: 1,
  summary: 'finds the living cluster and hands its kubeconfig on',
  verifies: 'asks the API server for its version and its identity',
  byHand: [
    "`kubectl --context PARENT -n istio-system get secret istiod-direct-kubeconfig-CLUSTER -o jsonpath='{.data.kubeconfig}' | base64 -d > cluster.kubeconfig`",
  ],
  with: withSchema,
  outputs,
  risk: 'reversible',
  safety: true,
  timeoutMs: 5 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  whenChanged: 'again',
  observe: observeCluster,
  async plan(ctx) {
    return [{ verb: 'create', subject: `kubeconfig ${fileOf(ctx).kubeconfig}`, note: 'as the parent keeps it' }];
  },
  execute: keep,
  async verify(ctx) {
    const seen = await observeCluster(ctx);
    return seen.state === 'present'
      ? { ok: true, outputs: seen.outputs, evidence: seen.evidence }
      : { ok: false, reason: 'the cluster does not answer', evidence: seen.evidence };
  },
});
