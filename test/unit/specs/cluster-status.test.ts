import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { latticeClusterView } from '../../../src/specs/cluster-status.ts';

const CRD = join(import.meta.dirname, '../../../src/lab/crds/current/latticeclusters.lattice.dev.yaml');
const TOKEN = 'a-bootstrap-token';

const CLUSTER: KubeObject = {
  apiVersion: 'lattice.dev/v1alpha1',
  kind: 'LatticeCluster',
  metadata: { name: 'east', generation: 4 },
  spec: { nodes: { controlPlane: { replicas: 3 }, workerPools: { general: { replicas: 10 }, gpu: { replicas: 2, min: 1, max: 4 }, idle: { replicas: 1 } } } },
  status: {
    phase: 'Ready',
    message: 'all is well',
    observedGeneration: 3,
    readyControlPlane: 2,
    readyWorkers: 11,
    workerPools: {
      general: { desiredReplicas: 10, currentReplicas: 10, readyReplicas: 9, autoscalingEnabled: false },
      gpu: { desiredReplicas: 3, currentReplicas: 2, readyReplicas: 2, autoscalingEnabled: true, message: 'scaling up' },
    },
    endpoint: '10.0.0.1:6443',
    pivotComplete: true,
    bootstrapComplete: true,
    unpivotImportComplete: false,
    bootstrapToken: TOKEN,
    csrTokenHash: 'a-hash',
    childrenHealth: [
      { name: 'eu', readyNodes: 3, totalNodes: 4, readyControlPlane: 1, totalControlPlane: 1, agentState: 'Ready', lastHeartbeat: '2026-03-01T02:59:30Z' },
    ],
    lastHeartbeat: '2026-03-01T02:59:50Z',
    version: 'v1.36.0',
    latticeImage: 'lattice:1.9',
    conditions: [{ type: 'Ready', status: 'True', reason: 'Ready', message: '', lastTransitionTime: '2026-02-01T00:00:00Z' }],
    poolResources: [{ poolName: 'gpu', nodeGpuCount: 8 }],
  },
};

describe('latticeClusterView', () => {
  it('reads desired and ready nodes per pool, also of a pool that has no status yet', () => {
    const { controlPlane, workers, pools } = latticeClusterView(CLUSTER);
    expect(controlPlane).toEqual({ desired: 3, ready: 2 });
    expect(workers).toEqual({ desired: 14, ready: 11 });
    expect(pools).toEqual([
      { name: 'general', autoscaling: false, desired: 10, current: 10, ready: 9 },
      { name: 'gpu', autoscaling: true, desired: 3, current: 2, ready: 2, min: 1, max: 4, message: 'scaling up' },
      { name: 'idle', autoscaling: false, desired: 1 },
    ]);
  });

  it('reads children, heartbeat, conditions and versions', () => {
    expect(latticeClusterView(CLUSTER)).toMatchObject({
      phase: 'Ready',
      isObserved: false,
      isDeleting: false,
      endpoint: '10.0.0.1:6443',
      lastHeartbeat: '2026-03-01T02:59:50Z',
      children: [
        { name: 'eu', agentState: 'Ready', nodes: { desired: 4, ready: 3 }, controlPlane: { desired: 1, ready: 1 }, lastHeartbeat: '2026-03-01T02:59:30Z' },
      ],
      conditions: [{ type: 'Ready', status: 'True', reason: 'Ready', since: '2026-02-01T00:00:00Z' }],
      poolResources: [{ poolName: 'gpu', nodeGpuCount: 8 }],
    });
  });

  it('says of tokens only that they are there', () => {
    expect(latticeClusterView(CLUSTER)).toMatchObject({ hasBootstrapToken: true, hasCsrToken: true });
    expect(JSON.stringify(latticeClusterView(CLUSTER))).not.toContain(TOKEN);
  });

  it('has a place for every field of the status that the platform declares', () => {
    const crd = parse(readFileSync(CRD, 'utf8'));
    const declared = Object.keys(crd.spec.versions[0].schema.openAPIV3Schema.properties.status.properties);
    expect(declared.filter((field) => !(field in (CLUSTER.status ?? {})))).toEqual([]);
    const view = JSON.stringify(latticeClusterView(CLUSTER));
    for (const value of ['all is well', '10.0.0.1:6443', 'v1.36.0', 'lattice:1.9', '"unpivotImportComplete":false', '"observedGeneration":3'])
      expect(view).toContain(value);
  });

  it('takes a cluster without status for one that waits', () => {
    const { status: _status, ...bare } = CLUSTER;
    expect(latticeClusterView(bare)).toMatchObject({
      phase: 'Pending',
      pivotComplete: false,
      hasBootstrapToken: false,
      pools: expect.any(Array),
      children: [],
    });
  });
});
