import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { capiExport } from '../../../src/specs/capi-export.ts';

const CORE = 'cluster.x-k8s.io/v1beta2';

/** An object of a cluster's namespace; its UID is its name, `owners` are names. */
function object(
  kind: string,
  name: string,
  rest: {
    readonly group?: string;
    readonly owners?: readonly string[];
    readonly labels?: Record<string, string>;
    readonly spec?: JsonObject;
    readonly status?: JsonObject;
  } = {},
): KubeObject {
  const { group = CORE, owners = [], labels, spec = {}, status } = rest;
  return {
    apiVersion: group,
    kind,
    metadata: {
      namespace: 'capi-east',
      name,
      uid: `uid-${name}`,
      resourceVersion: '7',
      generation: 2,
      creationTimestamp: '2026-01-01T00:00:00Z',
      managedFields: [{ manager: 'x' }],
      finalizers: ['keep.me'],
      ...(labels === undefined ? {} : { labels }),
      ownerReferences: owners.map((owner) => ({ apiVersion: CORE, kind: 'Cluster', name: owner, uid: `uid-${owner}`, controller: true })),
    },
    spec,
    ...(status === undefined ? {} : { status }),
  };
}

const MACHINE = { spec: { providerID: 'aws:///1' }, status: { nodeRef: { name: 'cp-1' } } };
const CLUSTER = object('Cluster', 'east', { spec: { controlPlaneEndpoint: { host: 'x' } }, status: { phase: 'Provisioned' } });
const PARTS = [
  object('AWSMachine', 'cp-1-aws', { group: 'infrastructure.cluster.x-k8s.io/v1beta2', owners: ['cp-1'] }),
  object('Machine', 'cp-1', { owners: ['east-control-plane'], ...MACHINE }),
  object('KubeadmControlPlane', 'east-control-plane', { group: 'controlplane.cluster.x-k8s.io/v1beta2', owners: ['east'] }),
  object('Secret', 'cp-1-data', { group: 'v1', owners: ['cp-1-config'] }),
  object('KubeadmConfig', 'cp-1-config', { group: 'bootstrap.cluster.x-k8s.io/v1beta2', owners: ['cp-1'] }),
  object('Secret', 'east-ca', { group: 'v1' }),
  object('Secret', 'of-somebody-else', { group: 'v1' }),
  object('AWSClusterStaticIdentity', 'identity', {
    group: 'infrastructure.cluster.x-k8s.io/v1beta2',
    labels: { 'clusterctl.cluster.x-k8s.io/move-hierarchy': '' },
  }),
  object('Machine', 'other', { owners: ['west'], labels: { 'cluster.x-k8s.io/cluster-name': 'west' } }),
  CLUSTER,
];

describe('an export of Cluster API objects', () => {
  it('holds what the cluster owns, its keys and what is labelled to be moved, owners first', () => {
    const found = capiExport(PARTS, 'east');
    expect(found?.nodes.map(({ key, level }) => `${level} ${key.split(' ')[0]?.split('/').at(-1)} ${key.split('/').at(-1)}`)).toEqual([
      '0 Secret east-ca',
      '0 Cluster east',
      '0 AWSClusterStaticIdentity identity',
      '1 KubeadmControlPlane east-control-plane',
      '2 Machine cp-1',
      '3 KubeadmConfig cp-1-config',
      '3 AWSMachine cp-1-aws',
      '4 Secret cp-1-data',
    ]);
    expect(found?.findings).toEqual([]);
    for (const { owners } of found?.nodes ?? []) for (const { uid } of owners) expect(found?.nodes.map((node) => node.uid)).toContain(uid);
  });

  it('is paused, keeps owners, finalizers and the former UID, and loses what the API server gave', () => {
    const [cluster] = capiExport([CLUSTER], 'east')?.objects ?? [];
    expect(cluster).toEqual({
      apiVersion: CORE,
      kind: 'Cluster',
      metadata: { namespace: 'capi-east', name: 'east', finalizers: ['keep.me'], ownerReferences: [], annotations: { 'lattice.dev/source-uid': 'uid-east' } },
      spec: { controlPlaneEndpoint: { host: 'x' }, paused: true },
    });
    const classes = [object('ClusterClass', 'plain'), object('Cluster', 'east', { owners: ['plain'] })];
    expect(capiExport(classes, 'east')?.objects[0]?.metadata.annotations).toMatchObject({ 'cluster.x-k8s.io/paused': 'true' });
    expect(capiExport(classes, 'east')?.nodes[1]?.owners).toMatchObject([{ uid: 'uid-plain', isController: true }]);
  });

  it('says what an import would stumble over', () => {
    const paused = object('Cluster', 'east', { spec: { paused: true }, owners: ['gone'] });
    const found = capiExport([paused, object('Machine', 'new', { owners: ['east'] })], 'east');
    expect(found?.wasPaused).toBe(true);
    expect(found?.findings).toEqual([
      expect.stringContaining('is paused already'),
      expect.stringContaining('names owner Cluster gone, which was not read'),
      expect.stringContaining('has no providerID'),
      expect.stringContaining('has no node yet'),
    ]);
  });

  it('ends also where two own each other, and is none without the Cluster', () => {
    const circle = [CLUSTER, object('Machine', 'a', { owners: ['b', 'east'], ...MACHINE }), object('Machine', 'b', { owners: ['a'], ...MACHINE })];
    expect(capiExport(circle, 'east')?.nodes.map(({ level }) => level)).toEqual([0, 1, 1]);
    expect(capiExport(PARTS, 'north')).toBeUndefined();
  });
});
