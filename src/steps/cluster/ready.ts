import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import type { JsonObject } from '../../model/json.ts';
import type { KubeObject, ResourceType } from '../../model/kube-object.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { duration } from '../../model/plan/fields.ts';
import { planSpecs } from '../../model/plan/specs.ts';
import { specEdits } from '../../model/resolution.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { requiredInstalls } from '../../specs/installs.ts';
import { defineStep } from '../define-step.ts';
import { ownClusterManifest } from '../desired-state.ts';
import { FIELD_MANAGER, LATTICE_API, OPERATOR } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';
import { lookUntil } from '../wait.ts';
import { deploymentAvailable } from './deployment.ts';

const withSchema = z.object({
  target: targetSchema,
  cluster: planCluster,
  specs: planSpecs,
  commit: z.string(),
  edits: specEdits,
  timeout: duration.default(20 * 60_000),
});
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;

/** One thing that must hold before anything is restored; `open` says what is still missing. */
interface Condition {
  readonly name: string;
  open(): Promise<string | undefined>;
}

/** Nodes the spec declares: the control plane is what it says, an autoscaled pool counts with its minimum. */
export function declaredNodes(spec: JsonObject): number {
  const nodes = (spec['nodes'] ?? {}) as {
    controlPlane?: { replicas?: number };
    workerPools?: Record<string, { replicas?: number; min?: number; max?: number }>;
  };
  const pools = Object.values(nodes.workerPools ?? {}).map((pool) => (pool.min !== undefined && pool.max !== undefined ? pool.min : (pool.replicas ?? 0)));
  return (nodes.controlPlane?.replicas ?? 1) + pools.reduce((sum, count) => sum + count, 0);
}

function isReadyNode(node: KubeObject): boolean {
  const conditions = (node.status?.['conditions'] ?? []) as readonly { type: string; status: string }[];
  return conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}

async function openNodes(cluster: KubeCluster, wanted: number, signal: AbortSignal): Promise<string | undefined> {
  const ready = ((await cluster.list({ apiVersion: 'v1', kind: 'Node' }, { signal })) ?? []).filter(isReadyNode).length;
  return ready >= wanted ? undefined : `${ready} of ${wanted} nodes are Ready`;
}

async function openOperator(cluster: KubeCluster, signal: AbortSignal): Promise<string | undefined> {
  const operator = await cluster.get(OPERATOR, signal);
  if (operator === undefined) return 'Deployment lattice-system/lattice-operator does not exist';
  return deploymentAvailable(new Map([['operator', operator]]), OPERATOR.name) === true
    ? undefined
    : 'Deployment lattice-system/lattice-operator is not available';
}

/** The smallest service the webhook accepts, sent as a dry run: failurePolicy Fail refuses it while nothing answers (lattice-webhook/src/config.rs). */
const PROBE: KubeObject = {
  apiVersion: LATTICE_API,
  kind: 'LatticeService',
  metadata: { name: 'lattice-dr-webhook-probe', namespace: 'default' },
  spec: { workload: { containers: { main: { image: 'registry.invalid/probe:1' } } } },
};

/** A refusal for another reason proves just as well that the webhook answers. */
async function openWebhook(cluster: KubeCluster, signal: AbortSignal): Promise<string | undefined> {
  try {
    await cluster.create(PROBE, { fieldManager: FIELD_MANAGER, dryRun: true, signal });
    return undefined;
  } catch (error) {
    if (isDrError(error, 'KUBE_UNAVAILABLE', 'KUBE_NOT_FOUND')) return `the admission webhook does not answer: ${error.message}`;
    if (isDrError(error, 'KUBE_REFUSED', 'KUBE_CONFLICT')) return undefined;
    throw error;
  }
}

async function openInstall(cluster: KubeCluster, type: ResourceType, signal: AbortSignal): Promise<string | undefined> {
  if ((await cluster.resource(type, signal)) === undefined) return undefined; // An installation without this kind has nothing to wait for.
  const install = await cluster.get({ ...type, name: 'default' }, signal);
  const phase = String(install?.status?.['phase'] ?? 'absent');
  return phase === 'Ready' ? undefined : `${type.kind}/default is in phase ${phase}`;
}

/** What an installation brings is served by its own software, later than the Install says Ready; one without the Install's kind brings nothing. */
async function openType(
  cluster: KubeCluster,
  { install, type }: { readonly install: ResourceType; readonly type: ResourceType },
  signal: AbortSignal,
): Promise<string | undefined> {
  if ((await cluster.resource(install, signal)) === undefined) return undefined;
  return (await cluster.resource(type, signal)) === undefined ? `${type.kind} (${type.apiVersion}), which ${install.kind} brings, is not served` : undefined;
}

async function conditions(ctx: Ctx): Promise<readonly Condition[]> {
  const cluster = await openTarget(ctx);
  const spec = (await ownClusterManifest(ctx)).spec ?? {};
  const required = requiredInstalls(spec);
  const installs = required.map((type) => ({ name: `${type.kind} is Ready`, open: () => openInstall(cluster, type, ctx.signal) }));
  const types = required.flatMap((install) =>
    install.brings.map((type) => ({ name: `${type.kind} is served`, open: () => openType(cluster, { install, type }, ctx.signal) })),
  );
  return [
    { name: 'nodes are Ready', open: () => openNodes(cluster, declaredNodes(spec), ctx.signal) },
    { name: 'the operator is available', open: () => openOperator(cluster, ctx.signal) },
    ...installs,
    ...types,
    { name: 'the admission webhook answers', open: () => openWebhook(cluster, ctx.signal) },
  ];
}

async function openConditions(ctx: Ctx): Promise<readonly string[]> {
  const answers = await Promise.all((await conditions(ctx)).map((condition) => condition.open()));
  return answers.filter((answer): answer is string => answer !== undefined);
}

/** Waits until the rebuilt cluster can take what is restored: nodes, operator, webhook and every `*Install` its toggles ask for. */
export const clusterReady = defineStep({
  kind: 'cluster/ready',
  version: 2,
  summary: 'waits until nodes, operator, webhook and platform parts of the new cluster are ready',
  verifies: 'asks once more for nodes, operator, each Install and the admission webhook',
  byHand: [
    '`kubectl get nodes`: as many Ready as the LatticeCluster declares; autoscaled pools count with min',
    '`kubectl -n lattice-system rollout status deploy/lattice-operator`',
    '`kubectl get $(kubectl api-resources --api-group=lattice.dev -o name | grep install | paste -sd,)`: every default is Ready',
    '`kubectl apply --dry-run=server -f any-service.yaml`: proves that the webhook answers',
  ],
  with: withSchema,
  outputs: z.object({}),
  risk: 'read-only',
  safety: false,
  timeoutMs: 25 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const open = await openConditions(ctx);
    return open.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: { open } };
  },
  async plan(ctx) {
    return (await conditions(ctx)).map((condition) => ({ verb: 'run' as const, subject: `wait until ${condition.name}` }));
  },
  async execute(ctx) {
    let open: readonly string[] = [];
    await lookUntil(ctx, ctx.with.timeout, {
      // Six kinds on one cluster, asked together about once a second: cheaper than a watch each, and the answer to "what is missing" is always whole.
      apartMs: 1_000,
      look: async (signal) => {
        open = await openConditions({ ...ctx, signal });
        if (open.length === 0) return true;
        ctx.progress({ message: `waiting: ${open.join('; ')}` });
        return undefined;
      },
      late: () =>
        new DrError({
          code: 'STEP_FAILED',
          message: `the new cluster is not ready: ${open.join('; ')}`,
          suggestions: ['look at lattice-operator on the new cluster, then resume'],
        }),
    });
  },
  async verify(ctx) {
    const open = await openConditions(ctx);
    return open.length === 0 ? { ok: true, outputs: {}, evidence: {} } : { ok: false, reason: open.join('; '), evidence: { open } };
  },
});
