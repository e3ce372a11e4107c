import { describe, expect, it } from 'vitest';
import { backupCovers, resourceOf } from '../../../src/backup/velero-scope.ts';
import type { JsonObject } from '../../../src/model/json.ts';

const SERVICE = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace: 'shop', name: 'cart' };
const POLICY = { apiVersion: 'lattice.dev/v1alpha1', kind: 'CedarPolicy', namespace: 'lattice-system', name: 'base' };
const CLUSTER = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster', name: 'workload' };

function covered(spec: JsonObject): readonly string[] {
  return [SERVICE, POLICY, CLUSTER].filter(backupCovers(spec)).map(({ kind }) => kind);
}

describe('what a Velero backup would hold', () => {
  it.each<[string, JsonObject, readonly string[]]>([
    ['everything without a filter', {}, ['LatticeService', 'CedarPolicy', 'LatticeCluster']],
    ['nothing cluster-scoped when namespaces are named', { includedNamespaces: ['shop'] }, ['LatticeService']],
    ['cluster-scoped objects when they are asked for', { includedNamespaces: ['shop'], includeClusterResources: true }, ['LatticeService', 'LatticeCluster']],
    ['all namespaces by a star', { includedNamespaces: ['*'], includeClusterResources: false }, ['LatticeService', 'CedarPolicy']],
    ['all but a namespace', { excludedNamespaces: ['lattice-system'] }, ['LatticeService', 'LatticeCluster']],
    [
      'the kinds of the platform’s control-plane scope',
      { includedResources: ['latticeclusters.lattice.dev', 'cedarpolicies'] },
      ['CedarPolicy', 'LatticeCluster'],
    ],
    ['all but a kind', { excludedResources: ['cedarpolicies.lattice.dev'] }, ['LatticeService', 'LatticeCluster']],
    ['nobody knows with a selector', { labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'cart' } } }, []],
  ])('%s', (...row) => {
    expect(covered(row[1])).toEqual(row[2]);
  });

  it('names resources as Velero does', () => {
    const kinds = [
      SERVICE,
      POLICY,
      { apiVersion: 'v1', kind: 'Pod' },
      { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' },
      { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' },
    ];
    expect(kinds.map(resourceOf)).toEqual([
      'latticeservices.lattice.dev',
      'cedarpolicies.lattice.dev',
      'pods',
      'ingresses.networking.k8s.io',
      'gateways.gateway.networking.k8s.io',
    ]);
  });
});
