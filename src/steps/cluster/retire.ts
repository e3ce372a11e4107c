import { z } from 'zod';
import { DEFAULT_RETRY, type Observation, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { defineStep } from '../define-step.ts';
import { assertStillFenced, fencedSchema } from '../fence-expiry.ts';
import { openParent } from '../parent.ts';
import {
  CAPI_CLUSTER,
  CAPI_CLUSTER_V1BETA2,
  capiNamespace,
  directKubeconfigRef,
  FIELD_MANAGER,
  latticeClusterRef,
  OPERATOR,
  RESTARTED_FOR_ANNOTATION,
  RUN_ANNOTATION,
} from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { withLimit } from '../wait.ts';
import { deploymentAvailable } from './deployment.ts';

const withSchema = z.object({ cluster: planCluster, fenced: fencedSchema.exactOptional() });
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;
type WriteCtx = StepContext<z.output<typeof withSchema>, StepPorts>;

const GONE_LIMIT_MS = 3 * 60_000;
const OPERATOR_LIMIT_MS = 10 * 60_000;

/** What stands on the parent about the cluster. */
interface OnParent {
  readonly parent: KubeCluster;
  /** The LatticeCluster, unless this run made it. */
  readonly old: KubeObject | undefined;
  readonly ours: boolean;
  /** The operator was told to restart by this run. */
  readonly restarted: boolean;
  /** The operator has rolled out what its Deployment says. */
  readonly available: boolean;
  readonly kubeconfigGone: boolean;
}

/** Run that the operator was last told to restart for. */
function restartedFor(operator: KubeObject | undefined): string | undefined {
  const template = operator?.spec?.['template'] as { metadata?: { annotations?: Record<string, string> } } | undefined;
  return template?.metadata?.annotations?.[RESTARTED_FOR_ANNOTATION];
}

async function look(ctx: Ctx): Promise<OnParent> {
  const parent = await openParent(ctx);
  const [object, operator, kubeconfig] = await Promise.all([
    parent.get(latticeClusterRef(ctx.run.cluster), ctx.signal),
    parent.get(OPERATOR, ctx.signal),
    parent.get(directKubeconfigRef(ctx.run.cluster), ctx.signal),
  ]);
  const ours = object?.metadata.annotations?.[RUN_ANNOTATION] === ctx.run.id;
  const restarted = restartedFor(operator) === ctx.run.id;
  const available = operator !== undefined && deploymentAvailable(new Map([['operator', operator]]), OPERATOR.name) === true;
  return { parent, old: ours ? undefined : object, ours, restarted, available, kubeconfigGone: kubeconfig === undefined };
}

/** Refuses when the parent still holds CAPI objects of the cluster: the operator would then delete real machines (lattice-cluster/src/controller/deletion.rs). */
async function refuseIfCapiOnParent(parent: KubeCluster, ctx: Ctx): Promise<void> {
  const namespace = capiNamespace(ctx.run.cluster);
  const lists = await Promise.all([CAPI_CLUSTER_V1BETA2, CAPI_CLUSTER].map((type) => parent.list(type, { namespace, signal: ctx.signal })));
  const found = lists.flatMap((list) => list ?? []);
  if (found.length === 0) return;
  throw new DrError({
    code: 'PARENT_HOLDS_CAPI',
    message: `namespace '${namespace}' on the parent still holds CAPI Cluster '${found[0]?.metadata.name ?? ''}': retiring the LatticeCluster would make the operator delete its machines`,
    suggestions: [
      'the cluster never pivoted, or was imported back: repair it in place, or decide about its machines first',
      `kubectl get clusters.cluster.x-k8s.io,machines.cluster.x-k8s.io -n ${namespace}`,
    ],
  });
}

/**
 * Marks the import of CAPI objects as complete (path B): the operator then takes its own way out instead of waiting for a dead agent for ever. The
 * patch carries the resourceVersion that was looked at, so a change since then is a conflict, and the step looks again.
 */
async function markUnpivoted(parent: KubeCluster, old: KubeObject, ctx: WriteCtx): Promise<void> {
  const ref = latticeClusterRef(ctx.run.cluster);
  await ctx.effect({
    name: 'mark-unpivoted',
    key: `${ref.name}/${old.metadata.uid ?? ''}`,
    timeoutMs: 60_000,
    check: async () => {
      const now = await parent.get(ref, ctx.signal);
      const done = now === undefined || now.metadata.uid !== old.metadata.uid || now.status?.['unpivotImportComplete'] === true;
      return done ? { state: 'done', result: true } : { state: 'todo', evidence: {} };
    },
    run: async (signal) => {
      await refuseIfCapiOnParent(parent, { ...ctx, signal });
      const { uid, resourceVersion } = old.metadata;
      const metadata = { uid, resourceVersion };
      const options = { fieldManager: FIELD_MANAGER, signal, subresource: 'status' } as const;
      await parent.mergePatch(ref, { metadata, status: { unpivotImportComplete: true } }, options).catch(toBeLookedAtAgain);
      return true;
    },
  });
}

/** Controllers write the status of objects now and then: another try of the step looks at it as it is then, CAPI objects and all. */
function toBeLookedAtAgain(error: unknown): never {
  if (!isDrError(error, 'KUBE_CONFLICT')) throw error;
  throw new DrError({ code: error.code, message: error.message, retry: 'retryable', details: error.details, cause: error });
}

async function deleteOld(parent: KubeCluster, old: KubeObject, ctx: WriteCtx): Promise<void> {
  const ref = latticeClusterRef(ctx.run.cluster);
  const uid = old.metadata.uid ?? '';
  await ctx.effect({
    name: 'delete-latticecluster',
    key: `${ref.name}/${uid}`,
    timeoutMs: 60_000,
    check: async () => {
      const now = await parent.get(ref, ctx.signal);
      const done = now === undefined || now.metadata.uid !== uid || now.metadata.deletionTimestamp !== undefined;
      return done ? { state: 'done', result: true } : { state: 'todo', evidence: {} };
    },
    run: async (signal) => {
      await refuseIfCapiOnParent(parent, { ...ctx, signal });
      return await parent.delete(ref, { uid, signal });
    },
  });
}

/** Waits until the object and the kubeconfig it owns are gone: the platform copies that kubeconfig only when there is none. */
async function waitUntilGone(parent: KubeCluster, ctx: WriteCtx): Promise<void> {
  const { apiVersion, kind, name } = latticeClusterRef(ctx.run.cluster);
  const secret = directKubeconfigRef(ctx.run.cluster);
  await using clusters = await parent.live({ apiVersion, kind });
  await using secrets = await parent.live({ apiVersion: 'v1', kind: 'Secret' }, { namespace: secret.namespace ?? '' });
  const absent = (wanted: string) => (objects: ReadonlyMap<string, KubeObject>) =>
    [...objects.values()].some((object) => object.metadata.name === wanted) ? undefined : true;
  ctx.progress({ message: 'waiting for the old LatticeCluster and its kubeconfig to go' });
  await withLimit(ctx, GONE_LIMIT_MS, {
    work: async (signal) => {
      await clusters.until(absent(name), signal);
      await secrets.until(absent(secret.name), signal);
    },
    late: async () => {
      const now = await parent.get(latticeClusterRef(ctx.run.cluster), ctx.signal);
      return new DrError({
        code: 'STEP_FAILED',
        message: `the old LatticeCluster '${name}' is not gone after ${GONE_LIMIT_MS / 1_000} s: phase '${String(now?.status?.['phase'] ?? 'absent')}', finalizers ${JSON.stringify(now?.metadata.finalizers ?? [])}`,
        suggestions: ['look at the log of lattice-operator on the parent, then resume'],
      });
    },
  });
}

/**
 * Restarts the parent's operator, once per run: it keeps bootstrap tokens and agents of the old cluster in memory, and would refuse the new nodes. Ends when no
 * pod of the old template is left, because that one would still act on what it remembers.
 */
async function restartOperator({ parent }: OnParent, ctx: WriteCtx): Promise<void> {
  ctx.progress({ message: 'restarting the operator on the parent' });
  await ctx.effect({
    name: 'restart-operator',
    key: OPERATOR.name,
    timeoutMs: 60_000,
    check: async () =>
      restartedFor(await parent.get(OPERATOR, ctx.signal)) === ctx.run.id ? { state: 'done', result: true } : { state: 'todo', evidence: {} },
    run: async (signal) => {
      // The Deployment as it is read here: a newer one, or one that was made anew meanwhile, is a conflict, and the step looks again.
      const { uid, resourceVersion } = (await parent.get(OPERATOR, signal))?.metadata ?? {};
      const annotations = { [RESTARTED_FOR_ANNOTATION]: ctx.run.id, 'kubectl.kubernetes.io/restartedAt': new Date(ctx.clock.now()).toISOString() };
      const patch = { metadata: { uid, resourceVersion }, spec: { template: { metadata: { annotations } } } };
      await parent.mergePatch(OPERATOR, patch, { fieldManager: FIELD_MANAGER, signal }).catch(toBeLookedAtAgain);
      return true;
    },
  });
  await using live = await parent.live({ apiVersion: OPERATOR.apiVersion, kind: OPERATOR.kind }, { namespace: OPERATOR.namespace ?? '' });
  await withLimit(ctx, OPERATOR_LIMIT_MS, {
    work: (signal) => live.until((objects) => deploymentAvailable(objects, OPERATOR.name), signal),
    late: () =>
      new DrError({
        code: 'STEP_FAILED',
        message: `Deployment lattice-system/lattice-operator on the parent is not available ${OPERATOR_LIMIT_MS / 60_000} min after its restart`,
      }),
  });
}

async function observeRetired(ctx: Ctx): Promise<Observation<Record<string, never>>> {
  const { old, ours, restarted, available, kubeconfigGone } = await look(ctx);
  if (ours) return { state: 'present', outputs: {}, evidence: { note: 'the LatticeCluster on the parent is the one this run made' } };
  if (old !== undefined) return { state: 'absent', evidence: { uid: old.metadata.uid ?? '', phase: String(old.status?.['phase'] ?? '') } };
  if (restarted && available && kubeconfigGone)
    return { state: 'present', outputs: {}, evidence: { note: 'no LatticeCluster of this name; the operator was restarted for this run' } };
  return { state: 'partial', evidence: { operatorRestarted: restarted, operatorAvailable: available, kubeconfigGone } };
}

/**
 * Removes the dead cluster's LatticeCluster from its parent, so that the same spec can be provisioned again. Applying it over the old one does nothing
 * and deleting it alone hangs for ever (lattice-cluster/src/controller/deletion.rs: no fallback without a connected agent).
 */
export const clusterRetire = defineStep({
  kind: 'cluster/retire',
  version: 1,
  summary: "removes the dead cluster's LatticeCluster from its parent",
  verifies: 'reads from the parent that LatticeCluster and kubeconfig are gone and that the operator has restarted',
  byHand: [
    '`kubectl --context PARENT -n capi-CLUSTER get clusters.cluster.x-k8s.io,machines.cluster.x-k8s.io`: must be empty: else stop, deleting would delete machines',
    '`kubectl --context PARENT patch latticecluster CLUSTER --subresource=status --type=merge -p \'{"status":{"unpivotImportComplete":true}}\'`',
    '`kubectl --context PARENT delete latticecluster CLUSTER`',
    '`kubectl --context PARENT -n istio-system wait --for=delete secret/istiod-direct-kubeconfig-CLUSTER --timeout=3m`',
    '`kubectl --context PARENT -n lattice-system rollout restart deploy/lattice-operator`',
    '`kubectl --context PARENT -n lattice-system rollout status deploy/lattice-operator`',
  ],
  with: withSchema,
  outputs: z.object({}),
  risk: 'destructive',
  safety: false,
  timeoutMs: 15 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [
    { name: 'mark-unpivoted', destroys: "the parent's belief that the dead cluster owns its machines" },
    { name: 'delete-latticecluster', destroys: 'the LatticeCluster object on the parent, with its status' },
    { name: 'restart-operator', destroys: 'bootstrap tokens and agent connections that the operator on the parent keeps in memory' },
  ],
  observe: observeRetired,
  async plan(ctx) {
    const { old, parent } = await look(ctx);
    await refuseIfCapiOnParent(parent, ctx);
    const restart = { verb: 'configure', subject: 'Deployment lattice-system/lattice-operator on the parent', note: 'rolling restart' } as const;
    if (old === undefined) return [restart];
    return [
      { verb: 'configure', subject: `LatticeCluster ${ctx.run.cluster} on the parent`, diffs: [{ path: 'status.unpivotImportComplete', to: true }] },
      {
        verb: 'delete',
        subject: `LatticeCluster ${ctx.run.cluster} on the parent`,
        note: `uid ${old.metadata.uid ?? ''}, phase ${String(old.status?.['phase'] ?? '')}`,
      },
      restart,
    ];
  },
  async execute(ctx) {
    await assertStillFenced(ctx);
    const found = await look(ctx);
    const { parent, old, ours } = found;
    if (ours) return;
    if (old !== undefined) {
      await refuseIfCapiOnParent(parent, ctx);
      await markUnpivoted(parent, old, ctx);
      await deleteOld(parent, old, ctx);
    }
    await waitUntilGone(parent, ctx);
    await restartOperator(found, ctx);
  },
  async verify(ctx) {
    const seen = await observeRetired(ctx);
    return seen.state === 'present'
      ? { ok: true, outputs: {}, evidence: seen.evidence }
      : { ok: false, reason: 'the old LatticeCluster or its kubeconfig is still there, or the operator has not restarted', evidence: seen.evidence };
  },
});
