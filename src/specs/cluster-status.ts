import { isObject, type JsonObject } from '../model/json.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { asList, asObject, asText, fieldAt, objectEntries } from './fields.ts';

/** How many nodes there are to be, are there, and are ready. */
export interface ReplicaView {
  readonly desired?: number;
  readonly current?: number;
  readonly ready?: number;
}

/** A worker pool of a LatticeCluster. */
export interface PoolView extends ReplicaView {
  readonly name: string;
  readonly autoscaling: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly message?: string;
}

/** Health of a child, as its parent's status has it. */
export interface ChildView {
  readonly name: string;
  readonly agentState?: string;
  readonly nodes: ReplicaView;
  readonly controlPlane: ReplicaView;
  readonly lastHeartbeat?: string;
  readonly kubernetesVersion?: string;
  readonly latticeImage?: string;
  /** As those of its parent. */
  readonly poolResources: readonly JsonObject[];
}

/**
 * A LatticeCluster as its status tells of it. Every field of the status is in it, but for the bootstrap token and the hash of the other one, of which only
 * is said whether they are there.
 */
export interface LatticeClusterView {
  readonly name: string;
  readonly phase: string;
  readonly message?: string;
  readonly isDeleting: boolean;
  /** Whether the status is about the spec as it is now; absent where the controller does not say (it never advances it, lattice-cluster/src/phases/mod.rs). */
  readonly isObserved?: boolean;
  readonly generation?: number;
  readonly observedGeneration?: number;
  readonly controlPlane: ReplicaView;
  readonly workers: ReplicaView;
  readonly pools: readonly PoolView[];
  readonly endpoint?: string;
  readonly version?: string;
  readonly latticeImage?: string;
  readonly pivotComplete: boolean;
  readonly bootstrapComplete: boolean;
  readonly unpivotImportComplete: boolean;
  readonly hasBootstrapToken: boolean;
  readonly hasCsrToken: boolean;
  readonly lastHeartbeat?: string;
  readonly conditions: readonly ConditionView[];
  readonly children: readonly ChildView[];
  /** Processors and memory by pool, as the platform counts them. */
  readonly poolResources: readonly JsonObject[];
}

export interface ConditionView {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly since?: string;
}

/** Reads a LatticeCluster. A field that is missing or of another type is absent. @see lattice-crd/src/crd/cluster.rs, evan-hines-js/lattice at 08fbacb */
export function latticeClusterView(cluster: KubeObject): LatticeClusterView {
  const status = asObject(cluster.status);
  const { generation } = cluster.metadata;
  const observed = numberAt(status, 'observedGeneration');
  const pools = poolsOf(asObject(cluster.spec), status);
  return {
    name: cluster.metadata.name,
    phase: asText(status['phase']) ?? 'Pending',
    isDeleting: cluster.metadata.deletionTimestamp !== undefined,
    ...present({ generation, observedGeneration: observed }),
    ...(observed === undefined || generation === undefined ? {} : { isObserved: observed === generation }),
    controlPlane: present({ desired: numberAt(cluster.spec, 'nodes', 'controlPlane', 'replicas'), ready: numberAt(status, 'readyControlPlane') }),
    workers: present({ desired: sum(pools.map((pool) => pool.desired)), ready: numberAt(status, 'readyWorkers') }),
    pools,
    ...texts(status, ['message', 'endpoint', 'version', 'latticeImage', 'lastHeartbeat']),
    pivotComplete: status['pivotComplete'] === true,
    bootstrapComplete: status['bootstrapComplete'] === true,
    unpivotImportComplete: status['unpivotImportComplete'] === true,
    hasBootstrapToken: asText(status['bootstrapToken']) !== undefined,
    hasCsrToken: asText(status['csrTokenHash']) !== undefined,
    conditions: asList(status['conditions']).filter(isObject).map(conditionView),
    children: asList(status['childrenHealth']).filter(isObject).map(childView),
    poolResources: asList(status['poolResources']).filter(isObject),
  };
}

function poolsOf(spec: JsonObject, status: JsonObject): readonly PoolView[] {
  const wanted = new Map(objectEntries(fieldAt(spec, 'nodes', 'workerPools')));
  const found = new Map(objectEntries(status['workerPools']));
  return [...new Set([...wanted.keys(), ...found.keys()])].sort().map((name) => {
    const [inSpec, inStatus] = [wanted.get(name), found.get(name)];
    const autoscaling = inStatus?.['autoscalingEnabled'] === true || numberAt(inSpec, 'max') !== undefined;
    return {
      name,
      autoscaling,
      ...present({
        desired: numberAt(inStatus, 'desiredReplicas') ?? numberAt(inSpec, 'replicas'),
        current: numberAt(inStatus, 'currentReplicas'),
        ready: numberAt(inStatus, 'readyReplicas'),
        min: numberAt(inSpec, 'min'),
        max: numberAt(inSpec, 'max'),
      }),
      ...texts(asObject(inStatus), ['message']),
    };
  });
}

function childView(child: JsonObject): ChildView {
  return {
    name: asText(child['name']) ?? '',
    nodes: present({ desired: numberAt(child, 'totalNodes'), ready: numberAt(child, 'readyNodes') }),
    controlPlane: present({ desired: numberAt(child, 'totalControlPlane'), ready: numberAt(child, 'readyControlPlane') }),
    ...texts(child, ['agentState', 'lastHeartbeat', 'kubernetesVersion', 'latticeImage']),
    poolResources: asList(child['poolResources']).filter(isObject),
  };
}

function conditionView(condition: JsonObject): ConditionView {
  const since = asText(condition['lastTransitionTime']);
  const { reason, message } = texts(condition, ['reason', 'message']);
  return {
    type: asText(condition['type']) ?? '',
    status: asText(condition['status']) ?? 'Unknown',
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(since === undefined ? {} : { since }),
  };
}

function numberAt(value: unknown, ...path: readonly string[]): number | undefined {
  const found = fieldAt(value, ...path);
  return typeof found === 'number' ? found : undefined;
}

function sum(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((total, value) => total + value, 0);
}

function present<K extends string>(fields: Readonly<Record<K, number | undefined>>): { readonly [key in K]?: number } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [key in K]?: number };
}

function texts<K extends string>(from: JsonObject, keys: readonly K[]): { readonly [key in K]?: string } {
  return Object.fromEntries(keys.map((key) => [key, asText(from[key])]).filter(([, value]) => value !== undefined)) as { [key in K]?: string };
}
