import { describe, expect, it } from 'vitest';
import type { LabCluster } from '../../../../src/lab/config.ts';
import { edgeAddress, freePodAddress, listenAddress, listenPort, objectAddress } from '../../../../src/lab/node/addresses.ts';
import { parsePolicies } from '../../../../src/lab/platform/cedar/parse.ts';
import { declaredNodes } from '../../../../src/lab/platform/cluster/capi-objects.ts';
import { scheduleFault } from '../../../../src/lab/platform/controllers/service-backup.ts';
import { authorizationFaults } from '../../../../src/lab/platform/service/authorization.ts';
import { derive } from '../../../../src/lab/platform/service/derive.ts';
import { buildGraph } from '../../../../src/lab/platform/service/graph.ts';
import { parseQuantity, quotaFault } from '../../../../src/lab/platform/service/quota.ts';
import type { ServiceSpec, Workload } from '../../../../src/lab/platform/service/spec.ts';
import { environmentOf, TemplateFault } from '../../../../src/lab/platform/service/variables.ts';
import { refusalOf } from '../../../../src/lab/platform/webhook/rules.ts';
import type { JsonObject } from '../../../../src/model/json.ts';
import type { KubeObject } from '../../../../src/model/kube-object.ts';

const owner = (name: string): KubeObject => ({
  apiVersion: 'lattice.dev/v1alpha1',
  kind: 'LatticeService',
  metadata: { namespace: 'shop', name, uid: `uid-${name}` },
});
const workload = (name: string, spec: Partial<ServiceSpec['workload']> & { readonly runtime?: Partial<ServiceSpec> }): Workload => {
  const { runtime = {}, ...parts } = spec;
  const containers = { main: { image: 'x', resources: { requests: { cpu: '500m', memory: '1Gi' } } } };
  return { namespace: 'shop', name, kind: 'service', owner: owner(name), spec: { workload: { containers, ...parts }, ...runtime } };
};
const nothing = { graph: buildGraph([]), policies: [] };

describe('compiling', () => {
  it('a shared volume needs its owner and the owner needs to want it', () => {
    const guest = workload('guest', { resources: { media: { type: 'volume', id: 'media' } } });
    const host = (allowedConsumers: readonly string[]) =>
      workload('host', { resources: { media: { type: 'volume', id: 'media', params: { size: '1Gi', allowedConsumers } } } });
    const faults = (...others: readonly Workload[]) => authorizationFaults(guest, { graph: buildGraph([guest, ...others]), policies: [] });
    expect(faults()).toEqual([expect.stringContaining("no owner found for volume 'media'")]);
    expect(faults(host([]))).toEqual([expect.stringContaining('not in allowedConsumers')]);
    expect(faults(host(['guest']))).toEqual([]);
    expect(faults(host(['shop/guest']))).toEqual([]);
    expect(faults(host(['other/guest']))).toHaveLength(1);
  });

  it('secrets, endpoints, overrides and wildcards are denied by default', () => {
    const needy = workload('needy', {
      resources: {
        key: { type: 'secret', id: 'key', params: { provider: 'vault' } },
        bank: { type: 'external-service', params: { endpoints: { api: 'https://bank.test' } } },
        anyone: { type: 'service', direction: 'inbound', id: '*' },
      },
      containers: { main: { image: 'x', security: { capabilities: ['NET_ADMIN'], privileged: true } } },
      runtime: { hostNetwork: true },
    });
    const faults = authorizationFaults(needy, nothing);
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      'secret access denied',
      'external endpoint access denied',
      'security override denied',
      'mesh wildcard denied',
    ]);
    expect(faults[2]).toContain("'hostNetwork'");
    const policies = parsePolicies(`
      permit(principal == Lattice::Service::"shop/needy", action == Lattice::Action::"AccessSecret", resource == Lattice::SecretPath::"vault:key");
      permit(principal, action == Lattice::Action::"AccessExternalEndpoint", resource == Lattice::ExternalEndpoint::"bank.test:443");
      permit(principal, action == Lattice::Action::"OverrideSecurity", resource) when { ["capability", "container", "pod"].contains(resource.category) };
      permit(principal, action == Lattice::Action::"AllowWildcard", resource == Lattice::Mesh::"inbound");`);
    expect(authorizationFaults(needy, { ...nothing, policies })).toEqual([]);
  });

  it('templates: host by name alone, url only of a service that exists, secrets by reference', () => {
    const caller = workload('caller', { resources: { db: { type: 'service' }, key: { type: 'secret', id: 'key' } } });
    const db = workload('db', { service: { ports: { metrics: { port: 9090 }, http: { port: 8080 } } } });
    const env = (text: string, ...others: readonly Workload[]) => environmentOf({ VALUE: text }, caller, buildGraph(others))[0];
    expect(env('${resources.db.host}')).toEqual({ name: 'VALUE', value: 'db.shop.svc.cluster.local' });
    expect(() => env('${resources.db.url}')).toThrow(TemplateFault);
    expect(env('at ${resources.db.url}/x', db)).toEqual({ name: 'VALUE', value: 'at http://db.shop.svc.cluster.local:8080/x' });
    expect(env('${secret.key.token}')).toEqual({ name: 'VALUE', valueFrom: { secretKeyRef: { name: 'caller-key', key: 'token' } } });
    for (const wrong of ['${resources.none.host}', '${secret.db.token}', '${nonsense}', '${resources.db.colour}'])
      expect(() => env(wrong, db)).toThrow(TemplateFault);
  });

  it('claims are named after the id or the service, and come before the Deployment with an owner that blocks', () => {
    const service = workload('db', {
      resources: {
        data: { type: 'volume', id: 'orders', params: { size: '1Gi' } },
        wal: { type: 'volume', params: { size: '1Gi' } },
        other: { type: 'volume', id: 'foreign' },
      },
    });
    const { infrastructure, deployment } = derive(service, { graph: buildGraph([service]), imageProviders: new Map() });
    const claims = infrastructure.filter((object) => object.kind === 'PersistentVolumeClaim');
    expect(claims.map((claim) => claim.metadata.name)).toEqual(['vol-orders', 'db-wal']);
    expect(claims[0]?.metadata.ownerReferences).toEqual([
      { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', name: 'db', uid: 'uid-db', controller: true, blockOwnerDeletion: true },
    ]);
    const template = deployment.spec?.['template'] as { metadata: { annotations: JsonObject }; spec: { volumes: readonly JsonObject[] } };
    expect(template.spec.volumes).toHaveLength(3);
    expect(template.metadata.annotations).toEqual({ 'lab.lattice.dev/owned-claims': 'vol-orders,db-wal' });
  });

  it('backup annotations: nothing for the default policy, a list for the others', () => {
    const annotations = (volumes: NonNullable<ServiceSpec['backup']>['volumes']) => {
      const service = workload('db', { runtime: { backup: { volumes: volumes ?? null } } });
      const { deployment } = derive(service, { graph: buildGraph([service]), imageProviders: new Map() });
      const template = (deployment.spec?.['template'] ?? {}) as { readonly metadata?: { readonly annotations: JsonObject } };
      return template.metadata?.annotations;
    };
    expect(annotations({})).toEqual({});
    expect(annotations({ exclude: ['scratch'] })).toEqual({ 'backup.velero.io/backup-volumes-excludes': 'scratch' });
    expect(annotations({ defaultPolicy: 'opt-in', include: ['data'] })).toEqual({ 'backup.velero.io/backup-volumes': 'data' });
  });
});

describe('quotas', () => {
  const quota = (principal: string, limits: JsonObject): KubeObject => ({
    apiVersion: 'x',
    kind: 'LatticeQuota',
    metadata: { name: 'q' },
    spec: { principal, limits },
  });
  const one = workload('one', {});
  const two = workload('two', { runtime: { replicas: 2 } });
  const fault = (object: KubeObject) => quotaFault(one, { quotas: [object], services: [one, two], groupOf: () => 'storefront' });

  it('count what their principal asks for in all', () => {
    expect(fault(quota('Lattice::Group::"storefront"', { cpu: '1500m', memory: '3Gi' }))).toBeUndefined();
    expect(fault(quota('Lattice::Group::"storefront"', { cpu: '1' }))).toContain("quota 'q' exceeded: cpu 1.5");
    expect(fault(quota('Lattice::Group::"other"', { cpu: '1m' }))).toBeUndefined();
    expect(fault(quota('Lattice::Service::"shop/one"', { memory: '1Mi' }))).toContain('memory');
    expect(fault(quota('nonsense', { cpu: '1m' }))).toBeUndefined();
  });

  it.each([
    ['500m', 0.5],
    ['2', 2],
    ['1Gi', 2 ** 30],
    ['1.5G', 1.5e9],
    ['1Ki', 1024],
  ])('reads %s', (text, value) => {
    expect(parseQuantity(text)).toBe(value);
  });

  it('an unreadable quantity fits no limit', () => {
    expect(parseQuantity('many')).toBeNaN();
  });
});

describe('admission', () => {
  const review = (kind: string, spec: JsonObject, more: { readonly namespace?: string; readonly old?: JsonObject } = {}) => {
    const object = { apiVersion: 'lattice.dev/v1alpha1', kind, metadata: { name: 'x' }, spec };
    return refusalOf({
      uid: '1',
      kind: { kind },
      ...(more.namespace === undefined ? {} : { namespace: more.namespace }),
      operation: 'UPDATE',
      object,
      oldObject: more.old === undefined ? null : { ...object, spec: more.old },
    });
  };
  const cluster = { providerRef: 'p', nodes: { controlPlane: { replicas: 3 } }, provider: { config: { docker: {} } } };

  it('guards clusters', () => {
    expect(review('LatticeCluster', cluster)).toBeUndefined();
    expect(review('LatticeCluster', { ...cluster, nodes: { controlPlane: { replicas: 2 } } })).toContain('must be odd');
    expect(review('LatticeCluster', { ...cluster, provider: { config: { docker: {}, aws: {} } } })).toContain('exactly one of');
    expect(review('LatticeCluster', { ...cluster, issuers: { ca: 'mine' } })).toContain('reserved');
    const parent = { ...cluster, parentConfig: { service: { type: 'LoadBalancer' } } };
    expect(review('LatticeCluster', parent, { old: cluster })).toBeUndefined();
    expect(review('LatticeCluster', cluster, { old: parent })).toContain('cannot be removed');
    expect(review('LatticeCluster', { ...parent, parentConfig: { service: { type: 'NodePort' } } }, { old: parent })).toContain('immutable');
  });

  it('guards system namespaces and services', () => {
    expect(review('LatticeService', {}, { namespace: 'velero' })).toContain("system namespace 'velero'");
    expect(review('LatticeMeshMember', {}, { namespace: 'kube-system' })).toContain('LatticeMeshMember');
    expect(review('LatticeService', {}, { namespace: 'shop' })).toBeUndefined();
    expect(review('LatticeService', { replicas: 3, autoscaling: { max: 2 } }, { namespace: 'shop' })).toContain('autoscaling.max');
    expect(review('LatticeService', { workload: { service: { serviceType: 'LoadBalancer' } }, ingress: {} }, { namespace: 'shop' })).toContain(
      'mutually exclusive',
    );
    expect(review('SecretProvider', { provider: { vault: {}, aws: {} } })).toContain('exactly one provider');
  });
});

describe('small rules', () => {
  it.each([
    ['15 * * * *', undefined],
    ['*/5 * * * *', 'more often'],
    ['* * * * *', 'more often'],
    ['0,30 * * * *', 'more often'],
    ['0 1 * *', '5 fields'],
  ])('service schedule %s', (cron, fault) => {
    if (fault === undefined) expect(scheduleFault(cron)).toBeUndefined();
    else expect(scheduleFault(cron)).toContain(fault);
  });

  it('declared nodes: replicas, or the minimum of an autoscaled pool', () => {
    const nodes = declaredNodes('c', { controlPlane: { replicas: 1 }, workerPools: { a: { replicas: 2 }, b: { replicas: 5, min: 1 } } });
    expect(nodes.map((node) => node.name)).toEqual(['c-control-plane-0', 'c-pool-a-0', 'c-pool-a-1', 'c-pool-b-0']);
  });

  it('addresses: objects and sockets differ in one octet, the edge is apart from the pods, none is given twice', () => {
    const cluster = { id: 'c', addresses: { octet2: 40, octet3From: 16 } } as LabCluster;
    expect(listenAddress(objectAddress('127.40.16.1'))).toBe('127.40.16.1');
    expect([listenPort(80), listenPort(8080), listenPort(30_000)]).toEqual([20_080, 28_080, 30_000]);
    expect(edgeAddress(cluster, 0)).toBe('127.40.31.1');
    const taken = new Set<string>();
    for (let count = 0; count < 600; count += 1) taken.add(freePodAddress(cluster, taken));
    expect(taken.size).toBe(600);
    expect([...taken].some((address) => address.startsWith('127.40.31.'))).toBe(false);
  });
});
