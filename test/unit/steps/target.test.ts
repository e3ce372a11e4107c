import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { openTarget } from '../../../src/steps/target.ts';
import { lattice, PLAN_CLUSTER, PLAN_SPECS, platformCluster, yaml } from './objects.ts';
import { StepBench } from './step-harness.ts';

const KUBE_SYSTEM = { apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' };
const DNS = { servers: [{ name: 'ns1', host: '192.0.2.53', zone: 'example.com' }], records: [] };

/** A step that takes a target, and what else it takes. */
const STEPS: readonly [string, JsonObject][] = [
  ['cluster/ready', {}],
  ['secrets/restore', { secrets: [] }],
  ['backup/attach', { backups: [], recoveryPoints: [] }],
  ['volumes/restore', { backups: [], sources: [] }],
  ['specs/apply', {}],
  ['health/verify', {}],
  ['dns/cutover', { dns: DNS }],
];

function world() {
  const cluster = platformCluster('https://other.invalid:6443');
  const bench = new StepBench({
    clusters: { 'new.yaml': cluster },
    files: { 'specs.yaml': yaml(lattice('LatticeCluster', 'workload', { spec: { latticeImage: 'x' } })) },
  });
  return { bench, cluster };
}

describe('the rebuilt cluster', () => {
  it('is opened as it was proven', async () => {
    const { bench, cluster } = world();
    const clusterUid = cluster.peek(KUBE_SYSTEM)?.metadata.uid ?? '';
    expect(await openTarget(bench.context({ target: { kubeconfig: 'new.yaml', clusterUid } }))).toBe(cluster);
  });

  it.each(STEPS)('is no other one: %s changes nothing on a cluster that this run did not provision', async (uses, more) => {
    const { bench, cluster } = world();
    const target = { kubeconfig: 'new.yaml', clusterUid: 'the one that was provisioned' };
    const { error } = await bench.run(uses, { target, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, ...more });
    expect(error).toMatchObject({ code: 'TARGET_CHANGED', kind: 'precondition' });
    expect(error?.message).toContain('new.yaml leads to another cluster than this run provisioned: https://other.invalid:6443');
    expect(cluster.requests.every(({ verb }) => verb === 'get')).toBe(true);
  });
});
