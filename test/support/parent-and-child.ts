import type { JsonObject, JsonValue } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';

const LATTICE_CLUSTER = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster' } as const;
const SPEC = {
  latticeImage: 'lattice:1.9',
  providerRef: 'metal',
  provider: { kubernetes: { version: '1.36.0', bootstrap: 'kubeadm' }, config: { docker: {} } },
  nodes: { controlPlane: { replicas: 3 }, workerPools: { general: { replicas: 57 } } },
};

/** Fields of a status that only are told to be there. */
const CREDENTIALS = { bootstrapToken: 'canary-of-a-bootstrap-token', csrTokenHash: 'canary-of-a-hash' };

function resourcesOf(poolName: string, first: number): JsonObject {
  const counts = [
    'allocatedCpuMillis',
    'allocatedGpuCount',
    'allocatedMemoryBytes',
    'nodeCpuMillis',
    'nodeGpuCount',
    'nodeMemoryBytes',
    'readyNodes',
    'totalNodes',
  ];
  return { poolName, gpuType: `gpu-of-${poolName}`, ...Object.fromEntries(counts.map((name, index) => [name, first + index])) };
}

/** A cluster with a child, on itself, and the child as its parent has it: every field of the status is set, no two numbers are the same (lattice-crd/src/crd/cluster.rs). */
export const PARENT_AND_CHILD: Readonly<Record<'small' | 'edge', KubeObject>> = {
  small: {
    ...LATTICE_CLUSTER,
    metadata: { name: 'small' },
    spec: SPEC,
    status: {
      ...CREDENTIALS,
      phase: 'Ready',
      message: 'all is well',
      observedGeneration: 21,
      readyControlPlane: 22,
      readyWorkers: 23,
      workerPools: { general: { desiredReplicas: 24, currentReplicas: 25, readyReplicas: 26, autoscalingEnabled: true, message: 'scaling up' } },
      endpoint: '192.0.2.1:6443',
      version: 'v1.36.0',
      latticeImage: 'lattice:1.9',
      pivotComplete: true,
      bootstrapComplete: true,
      unpivotImportComplete: true,
      lastHeartbeat: '2026-03-01T02:59:50Z',
      conditions: [{ type: 'Ready', status: 'True', reason: 'AllReady', message: 'nodes are there', lastTransitionTime: '2026-02-01T00:00:00Z' }],
      poolResources: [resourcesOf('general', 30)],
      childrenHealth: [
        {
          name: 'edge',
          agentState: 'Degraded',
          readyNodes: 41,
          totalNodes: 42,
          readyControlPlane: 43,
          totalControlPlane: 44,
          lastHeartbeat: '2026-03-01T02:58:07Z',
          kubernetesVersion: 'v1.35.2',
          latticeImage: 'lattice:1.8',
          poolResources: [resourcesOf('edge-general', 45)],
        },
      ],
    },
  },
  edge: {
    ...LATTICE_CLUSTER,
    metadata: { name: 'edge' },
    spec: SPEC,
    status: { ...CREDENTIALS, phase: 'Pivoted', pivotComplete: true, bootstrapComplete: true, lastHeartbeat: '2026-03-01T02:58:09Z' },
  },
};

/** Values of a status, by their paths, that what is told of it does not hold; and those of credentials that it does hold. */
export function wronglyTold(status: JsonObject, told: object): readonly string[] {
  const text = JSON.stringify(told);
  return leavesOf(status).flatMap(([path, value]) => {
    const isTold = text.includes(`:${JSON.stringify(value)}`);
    return isTold === path in CREDENTIALS ? [path] : [];
  });
}

function leavesOf(value: JsonValue | undefined, path = ''): readonly (readonly [string, JsonValue])[] {
  if (value === undefined) return [];
  if (value === null || typeof value !== 'object') return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner as JsonValue, path === '' ? key : `${path}.${key}`));
}
