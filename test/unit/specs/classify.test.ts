import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { classify, dispositionOf } from '../../../src/specs/classify.ts';
import { KUBERNETES_PROFILE } from '../../../src/specs/profiles/kubernetes.ts';
import { LATTICE_PROFILE } from '../../../src/specs/profiles/lattice.ts';
import { apps, classified, core, lattice, manifest, service } from './objects.ts';

const OPTIONS = { profile: LATTICE_PROFILE, cluster: 'workload', hasParent: true };

function actionOf(object: KubeObject): string {
  const disposition = dispositionOf(object, OPTIONS);
  return 'hold' in disposition ? `${disposition.action} ${disposition.hold}` : disposition.action;
}

function withMetadata(object: KubeObject, metadata: object): KubeObject {
  return { ...object, metadata: { ...object.metadata, ...metadata } };
}

const OWNER = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', name: 'cart', uid: 'u', controller: true };

describe('what becomes of each kind on a Lattice cluster', () => {
  it.each([
    ['a service', service('shop/cart'), 'apply'],
    ['a job with a schedule', lattice('LatticeJob', 'shop/nightly', { schedule: '0 2 * * *' }), 'apply-held scheduled-job'],
    ['a job with a schedule that is suspended', lattice('LatticeJob', 'shop/nightly', { schedule: '0 2 * * *', suspend: true }), 'apply'],
    ['a service with a backup schedule of its own', service('shop/cart', {}, { backup: { schedule: '0 3 * * *' } }), 'apply-held backup-schedule'],
    ['a service with backup hooks and no schedule', service('shop/cart', {}, { backup: { hooks: {} } }), 'apply'],
    ['a job that runs once', lattice('LatticeJob', 'shop/migrate', {}), 'skip'],
    ['a DNSProvider', lattice('DNSProvider', 'main'), 'hold dns-provider'],
    ['its own LatticeCluster', lattice('LatticeCluster', '/workload', {}), 'own-cluster'],
    ['a child LatticeCluster', lattice('LatticeCluster', '/child', {}), 'hold child-cluster'],
    ['a cluster backup', lattice('LatticeClusterBackup', 'daily'), 'apply-held backup-schedule'],
    ['a paused cluster backup', lattice('LatticeClusterBackup', 'daily', { paused: true }), 'apply'],
    ['a restore', lattice('LatticeRestore', 'old'), 'skip'],
    ['cluster routes', lattice('LatticeClusterRoutes', '/child', {}), 'skip'],
    ['an Install', lattice('VeleroInstall', '/default', {}), 'skip'],
    ['an inherited policy', withMetadata(lattice('CedarPolicy', 'base'), { labels: { 'lattice.dev/inherited': 'true' } }), 'skip'],
    ['a policy named as an inherited one', lattice('CedarPolicy', 'mgmt--base'), 'skip'],
    ['a service with two dashes in its name', service('shop/a--b'), 'apply'],
    ['a generated mesh member', withMetadata(lattice('LatticeMeshMember', 'shop/cart', {}), { ownerReferences: [OWNER] }), 'skip'],
    ['a mesh member somebody wrote', lattice('LatticeMeshMember', 'shop/legacy', {}), 'apply'],
    ['a Deployment with a controller', withMetadata(apps('Deployment', 'cart', {}), { ownerReferences: [OWNER] }), 'skip'],
    [
      'a Cluster API object',
      { apiVersion: 'infrastructure.cluster.x-k8s.io/v1beta2', kind: 'AWSMachine', metadata: { name: 'm', namespace: 'capi-workload' } },
      'skip',
    ],
    ['an external-dns of its own', apps('Deployment', 'external-dns', {}), 'hold dns-provider'],
    [
      'a Flux Kustomization',
      { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization', metadata: { name: 'a', namespace: 'flux-system' } },
      'hold gitops',
    ],
    [
      'a Velero schedule',
      { apiVersion: 'velero.io/v1', kind: 'Schedule', metadata: { name: 's', namespace: 'velero' }, spec: {} },
      'apply-held backup-schedule',
    ],
    ['a Velero restore', { apiVersion: 'velero.io/v1', kind: 'Restore', metadata: { name: 'r', namespace: 'velero' } }, 'skip'],
    ['an original secret', core('Secret', 'lattice-secrets/db'), 'apply'],
    ['the CA of a child', core('Secret', 'lattice-system/lattice-ca'), 'skip'],
    ['an encrypted secret', core('Secret', 'shop/db', { sops: { mac: 'x' } }), 'skip'],
    ['a kind nobody knows', { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'x', namespace: 'shop' } }, 'apply'],
  ] as readonly (readonly [string, KubeObject, string])[])('%s', (_, object, action) => {
    expect(actionOf(object)).toBe(action);
  });

  it('restores the CA of a cluster without a parent', () => {
    expect(dispositionOf(core('Secret', 'lattice-system/lattice-ca'), { ...OPTIONS, hasParent: false }).action).toBe('apply');
  });
});

describe('what becomes of a plain Kubernetes cluster', () => {
  it('holds Cluster API objects back and restores everything else', () => {
    const capi: KubeObject = { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Cluster', metadata: { name: 'c', namespace: 'x' } };
    const result = classify(
      [capi, apps('Deployment', 'web', {})].map((object) => manifest(object)),
      { ...OPTIONS, profile: KUBERNETES_PROFILE },
    );
    expect(result.held.map(({ hold }) => hold.kind)).toEqual(['child-cluster']);
    expect(result.apply.map(({ key }) => key)).toEqual(['apps/Deployment shop/web']);
  });
});

describe('classification', () => {
  it('puts every object into exactly one list', () => {
    const objects = [service('shop/cart'), lattice('DNSProvider', 'main'), lattice('LatticeRestore', 'old'), lattice('LatticeCluster', '/workload', {})];
    const { apply, held, skipped, ownCluster } = classified(objects);
    expect(apply.length + held.length + skipped.length + (ownCluster === undefined ? 0 : 1)).toBe(objects.length);
  });

  it('applies a cluster backup paused and keeps the original in the hold', () => {
    const { apply } = classified([lattice('LatticeClusterBackup', 'daily', { schedule: '0 2 * * *' })]);
    expect(apply[0]?.object.spec).toEqual({ schedule: '0 2 * * *', paused: true });
    expect(apply[0]?.hold).toMatchObject({
      id: 'latticeclusterbackup/lattice-system/daily',
      kind: 'backup-schedule',
      prior: { applied: true, object: { kind: 'LatticeClusterBackup', spec: { schedule: '0 2 * * *' } } },
    });
  });

  it('keeps a held object whole, so that a release can apply it', () => {
    const { held } = classified([withMetadata(lattice('DNSProvider', 'main', { zone: 'example.com' }), { uid: 'old' })]);
    expect(held[0]?.hold).toMatchObject({
      id: 'dnsprovider/lattice-system/main',
      prior: {
        applied: false,
        object: {
          apiVersion: 'lattice.dev/v1alpha1',
          kind: 'DNSProvider',
          metadata: { name: 'main', namespace: 'lattice-system' },
          spec: { zone: 'example.com' },
        },
      },
    });
  });

  it.each([
    ['and nothing else of it', { schedule: '0 3 * * *', hooks: { pre: [] } }, { hooks: { pre: [] } }],
    ['and leaves no empty section', { schedule: '0 3 * * *' }, undefined],
  ])('applies a service without its own backup schedule %s, and keeps the original in the hold', (_, backup, applied) => {
    const { apply } = classified([service('shop/db', {}, { backup })]);
    expect(apply[0]?.object.spec?.['backup']).toEqual(applied);
    expect(apply[0]?.object.spec).toHaveProperty('workload');
    expect(apply[0]?.hold).toMatchObject({ id: 'latticeservice/shop/db', kind: 'backup-schedule', prior: { object: { spec: { backup } } } });
  });

  it.each([
    ['LatticeJob', lattice('LatticeJob', 'shop/nightly', { schedule: '0 2 * * *' })],
    ['CronJob', { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'nightly', namespace: 'shop' }, spec: { schedule: '0 2 * * *' } }],
  ] as readonly (readonly [string, KubeObject])[])('applies a %s suspended and keeps the original in the hold', (_, object) => {
    const { apply } = classified([object]);
    expect(apply[0]?.object.spec).toEqual({ schedule: '0 2 * * *', suspend: true });
    expect(apply[0]?.hold).toMatchObject({ kind: 'scheduled-job', prior: { applied: true, object: { spec: { schedule: '0 2 * * *' } } } });
  });
});

describe('hygiene', () => {
  const exported: KubeObject = {
    ...service('shop/cart'),
    metadata: {
      name: 'cart',
      namespace: 'shop',
      uid: 'u',
      resourceVersion: '9',
      generation: 3,
      creationTimestamp: '2026-01-01T00:00:00Z',
      managedFields: [{}],
      finalizers: ['lattice.dev/x'],
      ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'c', uid: 'u' }],
      labels: { app: 'cart' },
      annotations: { 'lattice.dev/graph-hash': 'h', 'kubectl.kubernetes.io/last-applied-configuration': '{}', keep: 'me' },
    },
    status: { phase: 'Ready' },
  };

  it('takes out what belongs to the old cluster, and says so', () => {
    const [item] = classified([exported]).apply;
    expect(item?.object.metadata).toEqual({ name: 'cart', namespace: 'shop', labels: { app: 'cart' }, annotations: { keep: 'me' } });
    expect(item?.object.status).toBeUndefined();
    expect(item?.dropped.toSorted()).toEqual([
      'metadata.annotations["lattice.dev/graph-hash"]',
      'metadata.creationTimestamp',
      'metadata.finalizers',
      'metadata.generation',
      'metadata.managedFields',
      'metadata.ownerReferences',
      'metadata.resourceVersion',
      'metadata.uid',
      'status',
    ]);
  });

  it('leaves out empty leftovers without a word', () => {
    const object = withMetadata({ ...service('shop/cart'), status: {} }, { creationTimestamp: null, annotations: {} });
    const [item] = classified([object]).apply;
    expect(item?.dropped).toEqual([]);
    expect(item?.object.metadata).toEqual({ name: 'cart', namespace: 'shop' });
  });

  it('does not change the object it was given', () => {
    const before = structuredClone(exported);
    classified([exported]);
    expect(exported).toEqual(before);
  });
});
