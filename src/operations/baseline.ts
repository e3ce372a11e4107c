import { seriesKey } from '../engine/kept-files.ts';
import { asDrError, DrError, isDrError } from '../errors/dr-error.ts';
import { BASELINE_FORMAT, BASELINE_SERIES, type Baseline, type BaselineAnswer } from '../model/baseline.ts';
import { planCluster } from '../model/plan/cluster.ts';
import type { PlanHealth } from '../model/plan/health.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { RunStore } from '../ports/run-store.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { askHealth, collectCertificates, collectFacts } from '../steps/baseline/collect.ts';
import { askParent, findCluster } from '../steps/find-cluster.ts';
import { requestFor } from '../steps/health/probes.ts';
import type { LookTools } from './look-tools.ts';

export interface BaselineRequest {
  readonly plan: LoadedPlan;
  /** Kubeconfig of the cluster; without it, the ways that the plan names are tried. */
  readonly kubeconfig?: string;
}

/** A baseline, and where it is kept. */
export interface TakenBaseline {
  readonly baseline: Baseline;
  readonly location: string;
  readonly key: string;
}

/** The text of a baseline, as it is kept. */
export function baselineText(baseline: Baseline): string {
  return `${JSON.stringify(baseline, undefined, 2)}\n`;
}

/**
 * Looks at a cluster while it is well and keeps what it looks like, beside the state of its runs: a recovery compares itself with it. Changes nothing on the
 * cluster; what cannot be found out is a finding. Throws `KUBE_UNAVAILABLE` when the cluster itself does not answer, and `STORE_FAILED`.
 */
export async function takeBaseline(request: BaselineRequest, store: RunStore, tools: LookTools): Promise<TakenBaseline> {
  const plan = planCluster.parse(request.plan.values['cluster']);
  const { parent, object, finding } = await askParent(plan, tools);
  const given = request.kubeconfig === undefined ? {} : { given: { kubeconfigPath: request.kubeconfig } };
  const reached = await findCluster(plan, { parent, ...given }, tools);
  if (reached.cluster === undefined) throw unreachable(plan.name, reached.unreachable);
  const { cluster, version, uid } = reached;
  const takenAt = new Date(tools.clock.now()).toISOString();
  const [{ facts, findings }, health, commit] = await Promise.all([
    collectFacts(cluster, tools.signal),
    answersOf(request.plan, cluster, tools),
    commitOf(request.plan, tools),
  ]);
  const { certificates, findings: unread } = await collectCertificates(cluster.server, health, tools);
  const latticeImage = object?.status?.['latticeImage'];
  const baseline: Baseline = {
    formatVersion: BASELINE_FORMAT,
    cluster: plan.name,
    takenAt,
    tool: tools.tool,
    ...(commit.id === undefined ? {} : { commit: commit.id }),
    api: { server: cluster.server, version, uid },
    ...(typeof latticeImage === 'string' ? { latticeImage } : {}),
    certificates: [...certificates],
    health: [...health],
    facts,
    findings: [finding, ...findings, ...unread, commit.finding].filter((text) => text !== undefined),
  };
  const key = seriesKey(BASELINE_SERIES, { cluster: plan.name, at: takenAt });
  if (await store.putIfAbsent(key, Buffer.from(baselineText(baseline)))) return { baseline, location: store.location, key };
  throw new DrError({ code: 'STORE_FAILED', message: `'${key}' exists already in '${store.location}'`, suggestions: ['take the baseline again'] });
}

function unreachable(name: string, why: string): DrError {
  return new DrError({
    code: 'KUBE_UNAVAILABLE',
    message: `cluster '${name}' does not answer: ${why}`,
    suggestions: ['name its kubeconfig with --kubeconfig FILE', 'to see what its parent says of it: lattice-dr status --cluster --plan FILE'],
  });
}

/** What users get, by name, as they ask. */
async function answersOf({ plan }: LoadedPlan, cluster: KubeCluster, { ports, signal }: LookTools): Promise<readonly BaselineAnswer[]> {
  const { health, dns } = plan.spec;
  const ctx = { ports, signal, cluster, dns, byName: true };
  return await Promise.all(health.map(async (probe: PlanHealth) => await askHealth(probe, await requestFor(probe, ctx), ctx)));
}

async function commitOf({ values }: LoadedPlan, { ports, signal }: LookTools): Promise<{ readonly id?: string; readonly finding?: string }> {
  const { git } = values['specs'] as { readonly git: { readonly repository: string; readonly ref: string; readonly paths: readonly string[] } };
  try {
    return { id: await ports.git.resolve(git, signal) };
  } catch (error) {
    if (signal.aborted || !isDrError(error)) throw error;
    return { finding: `commit of ${git.ref}: ${asDrError(error).message}` };
  }
}
