import { isDrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { planCluster } from '../model/plan/cluster.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { type LatticeClusterView, latticeClusterView } from '../specs/cluster-status.ts';
import { isNodeReady } from '../specs/node-ready.ts';
import { askParent, findCluster } from '../steps/find-cluster.ts';
import { LATTICE_CLUSTER } from '../steps/platform-names.ts';
import type { LookTools } from './look-tools.ts';

/** A heartbeat older than this says that the agent is gone; the agent sends one every 30 s (lattice-cell, agent registry). */
const HEARTBEAT_STALE_MS: DurationMs = 90_000;

/** What a cluster says of itself, and what its parent says of it. */
export interface ClusterStatus {
  readonly cluster: string;
  /** When it was asked, ISO 8601, UTC. */
  readonly askedAt: string;
  /** As its parent has it. */
  readonly onParent?: LatticeClusterView;
  /** The last heartbeat that the parent has noted. A stale one says that the agent is gone, whatever the phase. */
  readonly heartbeat?: { readonly ageMs: DurationMs; readonly isStale: boolean };
  /** As it has itself; after the pivot this is what counts. */
  readonly onItself?: LatticeClusterView;
  readonly api?: { readonly server: string; readonly version: string; readonly uid: string };
  readonly nodes?: { readonly ready: number; readonly total: number };
  /** LatticeClusters that it is the parent of. */
  readonly children: readonly LatticeClusterView[];
  /** What could not be asked, and why. */
  readonly findings: readonly string[];
}

/** Asks the parent and, if it answers, the cluster itself. Changes nothing; what cannot be asked is a finding. */
export async function clusterStatus({ values }: LoadedPlan, tools: LookTools): Promise<ClusterStatus> {
  const plan = planCluster.parse(values['cluster']);
  const now = tools.clock.now();
  const { parent, object, finding } = await askParent(plan, tools);
  const itself = await findCluster(plan, { parent }, tools);
  const own = itself.cluster === undefined ? undefined : await lookInside(itself.cluster, plan.name, tools.signal);
  const heartbeat = Date.parse(String(object?.status?.['lastHeartbeat'] ?? ''));
  return {
    cluster: plan.name,
    askedAt: new Date(now).toISOString(),
    ...(object === undefined ? {} : { onParent: latticeClusterView(object) }),
    ...(Number.isNaN(heartbeat) ? {} : { heartbeat: { ageMs: Math.max(0, now - heartbeat), isStale: now - heartbeat > HEARTBEAT_STALE_MS } }),
    ...(own?.self === undefined ? {} : { onItself: latticeClusterView(own.self) }),
    ...(itself.cluster === undefined ? {} : { api: { server: itself.cluster.server, version: itself.version, uid: itself.uid } }),
    ...(own?.nodes === undefined ? {} : { nodes: own.nodes }),
    children: own?.children.map(latticeClusterView) ?? [],
    findings: [
      ...(finding === undefined ? [] : [finding]),
      ...(itself.cluster === undefined ? [`the cluster does not answer: ${itself.unreachable}`] : []),
      ...(own?.findings ?? []),
    ],
  };
}

interface Inside {
  readonly self: KubeObject | undefined;
  readonly children: readonly KubeObject[];
  readonly nodes: { readonly ready: number; readonly total: number } | undefined;
  readonly findings: readonly string[];
}

async function lookInside(cluster: KubeCluster, name: string, signal: AbortSignal): Promise<Inside> {
  try {
    const [clusters = [], nodes = []] = await Promise.all([
      cluster.list(LATTICE_CLUSTER, { signal }),
      cluster.list({ apiVersion: 'v1', kind: 'Node' }, { signal }),
    ]);
    return {
      self: clusters.find(({ metadata }) => metadata.name === name),
      children: clusters.filter(({ metadata }) => metadata.name !== name),
      nodes: { ready: nodes.filter(isNodeReady).length, total: nodes.length },
      findings: [],
    };
  } catch (error) {
    if (signal.aborted || !isDrError(error)) throw error;
    return { self: undefined, children: [], nodes: undefined, findings: [`the cluster answers, but: ${error.message}`] };
  }
}
