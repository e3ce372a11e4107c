import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { type KindRule, kindTable, type Profile } from '../../../src/specs/profile.ts';
import { LATTICE_PROFILE } from '../../../src/specs/profiles/lattice.ts';
import { targetKey } from '../../../src/specs/references.ts';
import { apps, core, graphOf, lattice, needsOf, service } from './objects.ts';

const SHOP = core('Namespace', 'shop');
const SECRET = { type: 'secret', id: 'db', params: { provider: 'lattice-local' } };
const VAULT = lattice('SecretProvider', 'vault', { provider: {} });

/** The Lattice profile with one rule replaced. */
function graphProfile(rule: KindRule): Profile {
  return { ...LATTICE_PROFILE, kinds: kindTable([...LATTICE_PROFILE.kinds.values(), rule]) };
}

function unresolvedOf(objects: readonly KubeObject[]): readonly string[] {
  return graphOf(objects).unresolved.map(({ from, targets, need }) => `${from} ${need} ${targets.map(targetKey).join(' | ')}`);
}

describe('blocking edges', () => {
  it('namespace before everything in it', () => {
    expect(needsOf(graphOf([service('shop/cart'), SHOP]), 'lattice.dev/LatticeService shop/cart')).toEqual(['apply Namespace shop']);
  });

  it('a secret and its provider before the service', () => {
    const graph = graphOf([
      SHOP,
      VAULT,
      core('Secret', 'lattice-secrets/db'),
      service('shop/a', { db: SECRET }),
      service('shop/b', { k: { type: 'secret', params: { provider: 'vault' } } }),
    ]);
    expect(needsOf(graph, 'lattice.dev/LatticeService shop/a')).toEqual(['apply Namespace shop', 'apply Secret lattice-secrets/db']);
    expect(needsOf(graph, 'lattice.dev/LatticeService shop/b')).toEqual(['apply Namespace shop', 'ready lattice.dev/SecretProvider lattice-system/vault']);
  });

  it('Cedar policies before what they permit', () => {
    const policies = [lattice('CedarPolicy', 'one'), lattice('CedarPolicy', 'two')];
    const graph = graphOf([SHOP, ...policies, core('Secret', 'lattice-secrets/db'), service('shop/asks', { db: SECRET }), service('shop/plain')]);
    expect(needsOf(graph, 'lattice.dev/LatticeService shop/asks')).toContain('gather lattice.dev/CedarPolicy lattice-system/* ready');
    expect(needsOf(graph, 'lattice.dev/LatticeService shop/plain')).toEqual(['apply Namespace shop']);
    const gathering = graph.nodes.find(({ kind }) => kind === 'gather');
    expect(gathering?.needs.toSorted()).toEqual(['ready lattice.dev/CedarPolicy lattice-system/one', 'ready lattice.dev/CedarPolicy lattice-system/two']);
  });

  it.each([
    ['an outside endpoint', service('shop/a', { api: { type: 'external-service', params: { endpoints: { a: 'https://a' } } } })],
    ['a wildcard', service('shop/a', { all: { type: 'service', id: '*', direction: 'inbound' } })],
    ['an advertisement', service('shop/a', {}, { advertise: { allowedServices: ['*'] } })],
    ['the host network', service('shop/a', {}, { hostNetwork: true })],
    [
      'a capability',
      lattice('LatticeService', 'shop/a', { workload: { containers: { main: { command: ['/a'], security: { capabilities: ['NET_ADMIN'] } } } } }),
    ],
    ['a binary nobody names', lattice('LatticeService', 'shop/a', { workload: { containers: { main: { image: 'x' } } } })],
    ['a job task that asks', lattice('LatticeJob', 'shop/a', { schedule: '* * * * *', tasks: { t: { hostNetwork: true } } })],
    ['a model role that asks', lattice('LatticeModel', 'shop/a', { roles: { r: { entryWorkload: { containers: { m: {} } } } } })],
  ])('a Cedar policy before %s', (_, object) => {
    const graph = graphOf([SHOP, lattice('CedarPolicy', 'one'), object]);
    expect(needsOf(graph, `lattice.dev/${object.kind} shop/a`)).toContain('ready lattice.dev/CedarPolicy lattice-system/one');
  });

  it('an image provider before what pulls with it, for jobs and models too', () => {
    const provider = lattice('ImageProvider', 'ghcr', { credentials: { id: 'pull', provider: 'lattice-local' } });
    const job = lattice('LatticeJob', 'shop/j', {
      schedule: '* * * * *',
      tasks: { t: { imagePullSecrets: ['ghcr'], workload: { containers: { m: { command: ['x'] } } } } },
    });
    const model = lattice('LatticeModel', 'shop/m', { defaults: { entryRuntime: { imagePullSecrets: ['ghcr'] } } });
    const graph = graphOf([SHOP, provider, core('Secret', 'lattice-secrets/pull'), service('shop/s', {}, { imagePullSecrets: ['ghcr'] }), job, model]);
    for (const key of ['LatticeService shop/s', 'LatticeJob shop/j', 'LatticeModel shop/m']) {
      expect(needsOf(graph, `lattice.dev/${key}`)).toContain('ready lattice.dev/ImageProvider lattice-system/ghcr');
    }
    expect(needsOf(graph, 'lattice.dev/ImageProvider lattice-system/ghcr')).toEqual(['apply Secret lattice-secrets/pull']);
  });

  it('a volume owner before its consumers', () => {
    const owner = service('media/jellyfin', { store: { type: 'volume', id: 'films', params: { size: '10Gi', allowedConsumers: ['sonarr'] } } });
    const consumer = service('media/sonarr', { store: { type: 'volume', id: 'films' } });
    const graph = graphOf([core('Namespace', 'media'), consumer, owner]);
    expect(needsOf(graph, 'lattice.dev/LatticeService media/sonarr')).toContain('ready lattice.dev/LatticeService media/jellyfin');
    expect(needsOf(graph, 'lattice.dev/LatticeService media/jellyfin')).toEqual(['apply Namespace media']);
  });

  it('a service whose port is filled in must exist, and need not be ready', () => {
    const text = {
      workload: {
        containers: { main: { command: ['/a'], variables: { P: '${resources.my-db.port}', H: '${resources.other.host}' } } },
        resources: { 'my-db': { type: 'service' }, other: { type: 'service' } },
      },
    };
    const graph = graphOf([SHOP, lattice('LatticeService', 'shop/api', text), service('shop/my-db'), service('shop/other')]);
    expect(needsOf(graph, 'lattice.dev/LatticeService shop/api')).toEqual(['apply Namespace shop', 'apply lattice.dev/LatticeService shop/my-db']);
  });

  it('a mesh member can be the service whose url is filled in', () => {
    const text = { workload: { containers: { main: { command: ['/a'], args: ['${resources.legacy.url}'] } }, resources: { legacy: { type: 'service' } } } };
    const graph = graphOf([
      SHOP,
      lattice('LatticeService', 'shop/api', text),
      lattice('LatticeMeshMember', 'shop/legacy', { target: { selector: {} }, ports: [] }),
    ]);
    expect(needsOf(graph, 'lattice.dev/LatticeService shop/api')).toContain('apply lattice.dev/LatticeMeshMember shop/legacy');
  });

  it('a store before the backup that names it or means the default one', () => {
    const store = lattice('BackupStore', 's3', { default: true, storage: {} });
    const graph = graphOf([store, lattice('LatticeClusterBackup', 'named', { storeRef: 's3' }), lattice('LatticeClusterBackup', 'default', {})]);
    for (const name of ['named', 'default'])
      expect(needsOf(graph, `lattice.dev/LatticeClusterBackup lattice-system/${name}`)).toContain('ready lattice.dev/BackupStore lattice-system/s3');
  });

  it('quotas before workloads', () => {
    const graph = graphOf([SHOP, lattice('LatticeQuota', 'team', { principal: 'x', limits: {} }), service('shop/a')]);
    expect(needsOf(graph, 'lattice.dev/LatticeService shop/a')).toContain('apply lattice.dev/LatticeQuota lattice-system/team');
  });

  it('a CRD, established, before its objects', () => {
    const crd: KubeObject = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'things.example.com' },
      spec: { group: 'example.com', names: { kind: 'Thing' } },
    };
    const thing: KubeObject = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'x' } };
    expect(needsOf(graphOf([thing, crd]), 'example.com/Thing x')).toEqual(['ready apiextensions.k8s.io/CustomResourceDefinition things.example.com']);
  });

  it('packages before objects of types nobody serves yet', () => {
    const thing: KubeObject = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'x' } };
    const chart = lattice('LatticePackage', 'shop/operator', { chart: {} });
    const served = new Set(['lattice.dev/LatticePackage', 'Namespace']);
    expect(needsOf(graphOf([SHOP, chart, thing], { served }), 'example.com/Thing x')).toEqual(['ready lattice.dev/LatticePackage shop/operator']);
    expect(graphOf([thing], { served }).unresolved.map(({ field }) => field)).toEqual(['apiVersion']);
    expect(needsOf(graphOf([SHOP, chart, thing]), 'example.com/Thing x')).toEqual([]);
  });

  it('configuration before the pods that read it', () => {
    const template = {
      spec: {
        serviceAccountName: 'web',
        containers: [
          {
            name: 'c',
            envFrom: [{ configMapRef: { name: 'env' } }],
            env: [{ name: 'K', valueFrom: { secretKeyRef: { name: 'key', key: 'k', optional: true } } }],
          },
        ],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
      },
    };
    const objects = [
      SHOP,
      core('ConfigMap', 'shop/env'),
      core('PersistentVolumeClaim', 'shop/data'),
      core('ServiceAccount', 'shop/web'),
      apps('Deployment', 'web', { template }),
    ];
    expect(needsOf(graphOf(objects), 'apps/Deployment shop/web')).toEqual([
      'apply ConfigMap shop/env',
      'apply Namespace shop',
      'apply PersistentVolumeClaim shop/data',
      'apply ServiceAccount shop/web',
    ]);
    expect(unresolvedOf(objects)).toEqual(['apps/Deployment shop/web optional Secret shop/key']);
  });

  it('webhooks and cluster backups after everything else', () => {
    const webhook: KubeObject = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: 'w' } };
    const graph = graphOf([webhook, SHOP, service('shop/a'), service('shop/b')]);
    expect(needsOf(graph, 'admissionregistration.k8s.io/ValidatingWebhookConfiguration w')).toEqual(['gather everything else']);
    expect(graph.nodes.find(({ id }) => id === 'gather everything else')?.needs).toHaveLength(3);
    expect(graph.nodes.at(-1)?.objects[0]?.key).toBe('admissionregistration.k8s.io/ValidatingWebhookConfiguration w');
  });
});

describe('edges that do not block', () => {
  it('services that only talk to each other wait for nothing, cycles included', () => {
    const call = (name: string) => ({ [name]: { type: 'service', direction: 'both' } });
    const graph = graphOf([SHOP, service('shop/a', call('b')), service('shop/b', call('c')), service('shop/c', call('a'))]);
    for (const name of ['a', 'b', 'c']) expect(needsOf(graph, `lattice.dev/LatticeService shop/${name}`)).toEqual(['apply Namespace shop']);
  });
});

describe('cycles of blocking edges', () => {
  it('become one batch, and the edges in it are listed as relaxed', () => {
    const own = (volume: string, other: string) => ({
      mine: { type: 'volume', id: volume, params: { size: '1Gi', allowedConsumers: ['a', 'b'] } },
      theirs: { type: 'volume', id: other },
    });
    const graph = graphOf([
      SHOP,
      service('shop/a', own('va', 'vb')),
      service('shop/b', own('vb', 'va')),
      service('shop/c', { theirs: { type: 'volume', id: 'va' } }),
    ]);
    const batch = graph.nodes.find(({ objects }) => objects.length === 2);
    expect(batch?.needs).toEqual(['apply Namespace shop']);
    expect(graph.relaxed.map(({ from, to, because }) => `${because}: ${from} -> ${to}`).toSorted()).toEqual([
      'cycle: lattice.dev/LatticeService shop/a -> lattice.dev/LatticeService shop/b',
      'cycle: lattice.dev/LatticeService shop/b -> lattice.dev/LatticeService shop/a',
    ]);
    expect(needsOf(graph, 'lattice.dev/LatticeService shop/c')).toEqual(['apply Namespace shop', 'ready lattice.dev/LatticeService shop/a']);
    expect(graph.nodes.find(({ id }) => id === 'ready lattice.dev/LatticeService shop/a')?.needs).toEqual([batch?.id]);
  });
});

describe('holds', () => {
  const issuer = lattice('CertIssuer', 'acme', { type: 'acme', acme: { dnsProviderRef: 'main' } });

  it('an issuer that waits for a held DNSProvider is applied and deferred', () => {
    const graph = graphOf([lattice('DNSProvider', 'main', {}), issuer]);
    expect(graph.deferred).toEqual([
      {
        key: 'lattice.dev/CertIssuer lattice-system/acme',
        needs: 'lattice.dev/DNSProvider lattice-system/main',
        hold: 'dnsprovider/lattice-system/main',
        reason: 'it answers ACME challenges by DNS',
      },
    ]);
    expect(needsOf(graph, 'lattice.dev/CertIssuer lattice-system/acme')).toEqual([]);
    expect(graph.relaxed.map(({ because }) => because)).toEqual(['held']);
    expect(graph.nodes.flatMap(({ objects }) => objects.map(({ key }) => key))).not.toContain('lattice.dev/DNSProvider lattice-system/main');
  });

  it('what requires a held object is held with it, and so is what requires that', () => {
    const dns = apps('Deployment', 'edge/external-dns', {});
    const account = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h', namespace: 'edge' },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'external-dns' } },
    };
    const graph = graphOf([core('Namespace', 'edge'), dns, account]);
    expect(graph.heldBack).toEqual([]);
    expect(graph.relaxed.map(({ from, because }) => [from, because])).toEqual([['autoscaling/HorizontalPodAutoscaler edge/h', 'held']]);
  });

  it('holds back a chain that cannot work before the release', () => {
    const child = lattice('LatticeCluster', '/child', {});
    const rule = { group: 'lattice.dev', kind: 'InfraProvider', scope: 'Namespaced', tier: 1, ready: { rule: 'exists' } } as const;
    const needsChild = [
      { field: 'spec.x', target: { group: 'lattice.dev', kind: 'LatticeCluster', name: 'child' }, wait: 'applied', reason: 'test', need: 'required' },
    ] as const;
    const needsFirst = [{ ...needsChild[0], target: { group: 'lattice.dev', kind: 'InfraProvider', namespace: 'lattice-system', name: 'first' } }] as const;
    const profile = graphProfile({ ...rule, references: (object) => (object.metadata.name === 'first' ? needsChild : needsFirst) });
    const graph = graphOf([child, lattice('InfraProvider', 'first'), lattice('InfraProvider', 'second')], { profile });
    expect(graph.heldBack.map(({ key, hold }) => [key, hold.kind])).toEqual([
      ['lattice.dev/InfraProvider lattice-system/first', 'child-cluster'],
      ['lattice.dev/InfraProvider lattice-system/second', 'child-cluster'],
    ]);
    expect(graph.nodes).toEqual([]);
  });
});

describe('references to things that are not there', () => {
  it('are reported with the object and the field', () => {
    const [found] = graphOf([SHOP, service('shop/a', { films: { type: 'volume', id: 'films' } })]).unresolved.filter(({ need }) => need === 'required');
    expect(found).toMatchObject({ from: 'lattice.dev/LatticeService shop/a', field: 'spec.workload.resources.films.id', need: 'required' });
  });

  it('are no fault when the target is built in, comes from elsewhere, or is a namespace every cluster has', () => {
    expect(unresolvedOf([lattice('CedarPolicy', 'a')])).toEqual([]);
    const objects = [SHOP, service('shop/a', { db: SECRET })];
    const required = (provided: readonly string[]) => graphOf(objects, { provided: new Set(provided) }).unresolved.filter(({ need }) => need === 'required');
    expect(required([]).map(({ targets }) => targets.map(targetKey))).toEqual([['Secret lattice-secrets/db']]);
    expect(required(['Secret lattice-secrets/db'])).toEqual([]);
  });

  it('say when the set has the target and does not restore it', () => {
    const inherited: KubeObject = { ...VAULT, metadata: { ...VAULT.metadata, labels: { 'lattice.dev/inherited': 'true' } } };
    const objects = [SHOP, inherited, service('shop/b', { k: { type: 'secret', params: { provider: 'vault' } } })];
    expect(graphOf(objects).unresolved.find(({ need }) => need === 'required')?.skipped).toBe('inherited: the parent distributes it again');
  });
});
