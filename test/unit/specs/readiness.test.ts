import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { LATTICE_PROFILE } from '../../../src/specs/profiles/lattice.ts';
import { childClusterReadiness, readinessOf } from '../../../src/specs/readiness.ts';
import { serviceHealth } from '../../../src/specs/service-health.ts';
import { apps, core, lattice, service } from './objects.ts';

function judge(object: KubeObject | undefined): string {
  const readiness = readinessOf(object, LATTICE_PROFILE);
  if (readiness.state === 'ready') return 'ready';
  return readiness.state === 'failed' ? `failed${readiness.mayHeal ? ', may heal' : ''}: ${readiness.reason}` : `progressing: ${readiness.reason}`;
}

/** An object of generation 2 with a status for it. */
function with2(object: KubeObject, status: JsonObject): KubeObject {
  return { ...object, metadata: { ...object.metadata, generation: 2 }, status: { observedGeneration: 2, ...status } };
}

function phase(kind: string, value: string, spec: JsonObject = {}): KubeObject {
  return with2(lattice(kind, 'x', spec), { phase: value, message: 'why' });
}

describe('ready by phase, per kind', () => {
  it.each([
    ['LatticeService', 'Ready', 'ready'],
    ['LatticeService', 'Compiling', 'progressing: Compiling: why'],
    ['LatticeService', 'Failed', 'failed, may heal: Failed: why'],
    ['LatticeModel', 'Serving', 'ready'],
    ['LatticeModel', 'Loading', 'progressing: Loading: why'],
    ['LatticePackage', 'Ready', 'ready'],
    ['LatticeMeshMember', 'Progressing', 'progressing: Progressing: why'],
    ['InfraProvider', 'Ready', 'ready'],
    ['SecretProvider', 'Ready', 'ready'],
    ['ImageProvider', 'Failed', 'failed, may heal: Failed: why'],
    ['DNSProvider', 'Ready', 'ready'],
    ['CertIssuer', 'Pending', 'progressing: Pending: why'],
    ['OIDCProvider', 'Ready', 'ready'],
    ['CedarPolicy', 'Valid', 'ready'],
    ['CedarPolicy', 'Ready', 'progressing: Ready: why'],
    ['CedarPolicy', 'Invalid', 'failed: Invalid: why'],
    ['LatticeQuota', 'Active', 'ready'],
    ['LatticeQuota', 'Exceeded', 'ready'],
    ['LatticeQuota', 'Invalid', 'failed: Invalid: why'],
    ['BackupStore', 'Ready', 'ready'],
    ['LatticeClusterBackup', 'Active', 'ready'],
    ['LatticeClusterBackup', 'Paused', 'ready'],
    ['LatticeCluster', 'Ready', 'ready'],
    ['LatticeCluster', 'Pivoted', 'progressing: Pivoted: why'],
    ['LatticeCluster', 'Failed', 'failed: Failed: why'],
    ['LatticeJob', 'Succeeded', 'ready'],
    ['LatticeJob', 'Running', 'progressing: Running: why'],
    ['LatticeJob', 'Failed', 'failed, may heal: Failed: why'],
  ])('%s in %s is %s', (kind, value, expected) => {
    expect(judge(phase(kind, value))).toBe(expected);
  });

  it('takes a cron job that is Running for ready', () => {
    expect(judge(phase('LatticeJob', 'Running', { schedule: '* * * * *' }))).toBe('ready');
  });

  it('sees a child cluster from its parent as ready once it has pivoted', () => {
    expect(childClusterReadiness(phase('LatticeCluster', 'Pivoted')).state).toBe('ready');
    expect(childClusterReadiness(phase('LatticeCluster', 'Failed'))).toMatchObject({ state: 'failed', mayHeal: false });
    expect(childClusterReadiness(undefined).state).toBe('progressing');
  });
});

describe('a status counts only for the spec as it is', () => {
  const ready = { phase: 'Ready' };

  it('is not there', () => {
    expect(judge(undefined)).toBe('progressing: does not exist');
    expect(judge(service('shop/a'))).toBe('progressing: no status yet');
  });

  it('is for an older generation', () => {
    expect(judge(with2(service('shop/a'), { ...ready, observedGeneration: 1 }))).toBe('progressing: its controller has seen generation 1 of 2');
  });

  it('is for no generation although its controller always writes one', () => {
    const { observedGeneration: _, ...status } = with2(service('shop/a'), ready).status as JsonObject;
    expect(judge({ ...with2(service('shop/a'), ready), status })).toBe('progressing: Ready, for no generation yet');
  });

  it('needs no generation where the controller never writes one', () => {
    expect(judge({ ...lattice('OIDCProvider', 'x'), status: ready })).toBe('ready');
    expect(judge({ ...lattice('LatticeCluster', 'x'), status: ready })).toBe('ready');
  });

  it('does not count while the object is being deleted', () => {
    const object = phase('LatticeService', 'Ready');
    expect(judge({ ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } })).toBe('progressing: is being deleted');
  });
});

describe('kinds of Kubernetes', () => {
  const condition = (type: string, status: string, reason?: string) => ({
    conditions: [{ type, status, ...(reason === undefined ? {} : { reason }), message: 'm' }],
  });
  const counts = { replicas: 2, updatedReplicas: 2, availableReplicas: 2, readyReplicas: 2 };
  const deployment = apps('Deployment', 'd', { replicas: 2 });
  const set = apps('StatefulSet', 's', { replicas: 2 });
  const crd: KubeObject = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'x' }, spec: {} };

  it.each([
    ['a Deployment with all replicas', with2(deployment, counts), 'ready'],
    ['a Deployment that is short', with2(deployment, { ...counts, availableReplicas: 1 }), 'progressing: 1 of 2 replicas available'],
    ['a Deployment that is still old', with2(deployment, { ...counts, updatedReplicas: 1 }), 'progressing: 1 of 2 replicas updated'],
    ['a Deployment with old pods left', with2(deployment, { ...counts, replicas: 3 }), 'progressing: old replicas are still running'],
    [
      'a Deployment past its deadline',
      with2(deployment, { ...counts, availableReplicas: 0, ...condition('Progressing', 'False', 'ProgressDeadlineExceeded') }),
      'failed, may heal: ProgressDeadlineExceeded: m',
    ],
    ['a Deployment nobody has seen', deployment, 'progressing: no status yet'],
    ['a Deployment scaled to zero', with2(apps('Deployment', 'd', { replicas: 0 }), {}), 'ready'],
    ['a StatefulSet', with2(set, { ...counts, currentRevision: 'a', updateRevision: 'a' }), 'ready'],
    ['a StatefulSet that is short', with2(set, { ...counts, readyReplicas: 0 }), 'progressing: 0 of 2 replicas ready'],
    [
      'a DaemonSet',
      with2(apps('DaemonSet', 'd', {}), { desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2 }),
      'progressing: 2 of 3 pods available',
    ],
    ['a bound claim', { ...core('PersistentVolumeClaim', 'x/p'), status: { phase: 'Bound' } }, 'ready'],
    ['a lost claim', { ...core('PersistentVolumeClaim', 'x/p'), status: { phase: 'Lost' } }, 'failed: Lost'],
    ['a namespace', { ...core('Namespace', 'n'), status: { phase: 'Active' } }, 'ready'],
    ['a namespace that goes', { ...core('Namespace', 'n'), status: { phase: 'Terminating' } }, 'progressing: Terminating'],
    ['an established CRD', { ...crd, status: condition('Established', 'True') }, 'ready'],
    ['a fresh CRD', crd, 'progressing: no condition Established yet'],
    ['a CRD with a name that is taken', { ...crd, status: condition('NamesAccepted', 'False', 'Conflict') }, 'failed: Conflict: m'],
    ['a running pod', { ...core('Pod', 'x/p'), status: { phase: 'Running', ...condition('Ready', 'True') } }, 'ready'],
    [
      'a crashing pod',
      { ...core('Pod', 'x/p'), status: { phase: 'Running', containerStatuses: [{ state: { waiting: { reason: 'CrashLoopBackOff' } } }] } },
      'failed, may heal: CrashLoopBackOff',
    ],
    ['a load balancer without address', core('Service', 'x/s', { spec: { type: 'LoadBalancer' } }), 'progressing: no load balancer address yet'],
    ['a ClusterIP service', core('Service', 'x/s', { spec: {} }), 'ready'],
    ['a secret', core('Secret', 'x/s'), 'ready'],
    ['an unknown kind that is Ready', { apiVersion: 'e.com/v1', kind: 'T', metadata: { name: 'x' }, status: condition('Ready', 'True') }, 'ready'],
    [
      'an unknown kind that is not',
      { apiVersion: 'e.com/v1', kind: 'T', metadata: { name: 'x' }, status: condition('Ready', 'False', 'R') },
      'progressing: R: m',
    ],
    [
      'an unknown kind that is stalled',
      { apiVersion: 'e.com/v1', kind: 'T', metadata: { name: 'x' }, status: condition('Stalled', 'True', 'R') },
      'failed: R: m',
    ],
    ['an unknown kind without conditions', { apiVersion: 'e.com/v1', kind: 'T', metadata: { name: 'x' } }, 'ready'],
    [
      'an available backup location',
      { apiVersion: 'velero.io/v1', kind: 'BackupStorageLocation', metadata: { name: 'l', namespace: 'velero' }, status: { phase: 'Available' } },
      'ready',
    ],
  ] as readonly (readonly [string, KubeObject, string])[])('%s', (_, object, expected) => {
    expect(judge(object)).toBe(expected);
  });
});

describe('health of a service', () => {
  const spec = { workload: { containers: {}, service: { ports: { http: { port: 80 } } } } };
  const live = with2(lattice('LatticeService', 'shop/cart', spec), { phase: 'Ready' });
  const available = with2(apps('Deployment', 'cart', { replicas: 1 }), { replicas: 1, updatedReplicas: 1, availableReplicas: 1 });
  const slice = (ready: boolean): KubeObject => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'cart-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'cart' } },
    endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready } }],
  });
  const health = (object: KubeObject | undefined, workloads: readonly KubeObject[], endpointSlices: readonly KubeObject[]) =>
    serviceHealth(object, { workloads, endpointSlices }, LATTICE_PROFILE);

  it('is ready with its phase, its Deployment and an endpoint', () => {
    expect(health(live, [available], [slice(true)])).toEqual({ state: 'ready' });
  });

  it('is not ready by its phase alone', () => {
    expect(health(live, [], [])).toEqual({ state: 'progressing', reason: 'Deployment cart: does not exist' });
  });

  it('is not ready without an endpoint', () => {
    expect(health(live, [available], [slice(false)])).toEqual({ state: 'progressing', reason: 'Service cart has no ready endpoint' });
  });

  it('needs no endpoint without ports and nothing at all when scaled to zero', () => {
    expect(health({ ...live, spec: { workload: { containers: {} } } }, [available], [])).toEqual({ state: 'ready' });
    expect(health({ ...live, spec: { ...spec, replicas: 0 } }, [], [])).toEqual({ state: 'ready' });
  });

  it('says what its own phase says first', () => {
    expect(health(with2(live, { phase: 'Failed', message: 'no owner' }), [available], [slice(true)])).toEqual({
      state: 'failed',
      reason: 'Failed: no owner',
      mayHeal: true,
    });
  });

  it('does not take the Deployment of another namespace for its own', () => {
    expect(health(live, [{ ...available, metadata: { ...available.metadata, namespace: 'other' } }], [slice(true)]).state).toBe('progressing');
  });
});
