import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Baseline } from '../../../src/model/baseline.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { clusterFactsOf, type LiveObjects } from '../../../src/specs/cluster-facts.ts';
import { type ClusterNow, compareBaseline } from '../../../src/specs/compare-baseline.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = 'shop/web:1';

function object(type: string, place: string, rest: JsonObject = {}): KubeObject {
  const [apiVersion = '', kind = ''] = type.split(' ');
  const [namespace, name] = place.includes('/') ? place.split('/') : [undefined, place];
  return { apiVersion, kind, metadata: { name: name ?? '', ...(namespace === undefined ? {} : { namespace }) }, ...rest };
}

function service(name: string, calls: readonly string[], called: readonly string[]): KubeObject {
  const resources = Object.fromEntries([
    ...calls.map((peer) => [peer, { type: 'service', direction: 'outbound' }]),
    ...called.map((peer) => [`from-${peer}`, { type: 'service', direction: 'inbound', id: peer }]),
  ]);
  return object('lattice.dev/v1alpha1 LatticeService', `shop/${name}`, { spec: { workload: { resources } }, status: { phase: 'Ready' } });
}

const LIVE: LiveObjects = {
  nodes: [
    object('v1 Node', 'cp-1', {
      metadata: { name: 'cp-1', labels: { 'node-role.kubernetes.io/control-plane': '' } },
      spec: { providerID: 'aws:///a/i-1' },
      status: {
        addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { kubeletVersion: 'v1.36.3' },
      },
    }),
  ],
  platform: [
    service('web', ['api'], []),
    service('api', [], ['web']),
    object('lattice.dev/v1alpha1 VeleroInstall', 'default', { spec: { version: '11.4.0' }, status: { observedVersion: '11.3.0' } }),
    object('lattice.dev/v1alpha1 LatticePackage', 'shop/redis', { spec: { chart: { name: 'redis', version: '20.1.0' } } }),
  ],
  services: [object('v1 Service', 'shop/shop-ingress', { status: { loadBalancer: { ingress: [{ ip: '10.9.0.1' }] } } }), object('v1 Service', 'shop/web')],
  workloads: [object('apps/v1 Deployment', 'shop/web', { spec: { template: { spec: { containers: [{ name: 'main', image: IMAGE }] } } } })],
  pods: [object('v1 Pod', 'shop/web-1', { status: { containerStatuses: [{ name: 'main', image: IMAGE, imageID: `shop/web@${DIGEST}` }] } })],
  locations: [object('velero.io/v1 BackupStorageLocation', 'velero/lattice-main', { spec: { objectStorage: { bucket: 'backups', prefix: 'lattice-main' } } })],
  claims: [],
  volumes: [],
  counted: { Pod: 1, Namespace: 5 },
};

const BEFORE: Baseline = {
  formatVersion: 1,
  cluster: 'east',
  takenAt: '2026-03-01T00:00:00.000Z',
  tool: '1.0.0',
  api: { server: 'https://10.0.0.1:6443', version: 'v1.36.3', uid: 'uid-1' },
  certificates: [{ where: 'https://10.0.0.1:6443', subject: 'CN=api', issuer: 'CN=ca', fingerprint: 'ff', notAfter: '2027-01-01T00:00:00.000Z' }],
  health: [{ name: 'shop', url: 'https://shop.example.com/', status: 200, bodyDigest: DIGEST }],
  facts: clusterFactsOf(LIVE),
  findings: [],
};

const NOW: ClusterNow = { api: BEFORE.api, certificates: BEFORE.certificates, health: BEFORE.health, facts: BEFORE.facts };

describe('clusterFactsOf', () => {
  it('remembers machines, agreements, digests, versions, stores and counts', () => {
    expect(BEFORE.facts).toMatchObject({
      nodes: [{ name: 'cp-1', role: 'control-plane', addresses: ['10.0.0.1'], providerId: 'aws:///a/i-1', kubelet: 'v1.36.3', isReady: true }],
      services: [
        { name: 'shop/api', phase: 'Ready' },
        { name: 'shop/web', phase: 'Ready' },
      ],
      loadBalancers: [{ name: 'shop/shop-ingress', addresses: ['10.9.0.1'] }],
      agreements: ['shop/web -> shop/api'],
      images: [{ container: 'Deployment shop/web main', image: IMAGE, digests: [DIGEST] }],
      charts: [
        { name: 'LatticePackage shop/redis (redis)', version: '20.1.0' },
        { name: 'VeleroInstall default', version: '11.3.0' },
      ],
      stores: [{ name: 'lattice-main', bucket: 'backups', prefix: 'lattice-main' }],
      counts: { LatticeService: 2, Pod: 1, Namespace: 5 },
    });
  });
});

describe('compareBaseline', () => {
  it('finds nothing where nothing has changed', () => {
    const { differs, expected, equal } = compareBaseline(BEFORE, NOW);
    expect([differs, expected]).toEqual([[], []]);
    expect(equal).toMatchObject({ health: 1, services: 2, agreements: 1, images: 1, charts: 2, stores: 1 });
  });

  it.each<[string, Partial<ClusterNow>, string]>([
    ['another answer', { health: [{ name: 'shop', url: '', status: 200, bodyDigest: `sha256:${'b'.repeat(64)}` }] }, 'answer of shop'],
    ['no answer', { health: [{ name: 'shop', url: '', failure: 'refused' }] }, 'answer of shop'],
    ['a service that is gone', { facts: { ...BEFORE.facts, services: BEFORE.facts.services.slice(1) } }, 'service shop/api'],
    ['an agreement that is one-sided now', { facts: { ...BEFORE.facts, agreements: [] } }, 'agreement shop/web -> shop/api'],
    [
      'another digest behind one tag',
      { facts: { ...BEFORE.facts, images: [{ container: 'Deployment shop/web main', image: IMAGE, digests: ['sha256:x'] }] } },
      'image of Deployment shop/web main',
    ],
    ['another chart', { facts: { ...BEFORE.facts, charts: [] } }, 'version of VeleroInstall default'],
    ['another bucket', { facts: { ...BEFORE.facts, stores: [{ name: 'lattice-main', bucket: 'other', prefix: '' }] } }, 'backup location lattice-main'],
    ['fewer of a kind', { facts: { ...BEFORE.facts, counts: { ...BEFORE.facts.counts, LatticeService: 1 } } }, 'number of LatticeService'],
  ])('%s is not as it was', (_, change, what) => {
    const { differs, expected } = compareBaseline(BEFORE, { ...NOW, ...change });
    expect(differs.map((difference) => difference.what)).toContain(what);
    expect(expected).toEqual([]);
  });

  it.each<[string, Partial<ClusterNow>]>([
    ['other machines', { facts: { ...BEFORE.facts, nodes: [] } }],
    ['other addresses', { facts: { ...BEFORE.facts, loadBalancers: [{ name: 'shop/shop-ingress', addresses: ['10.9.0.2'] }] } }],
    ['another certificate', { certificates: [] }],
    ['another API server', { api: { server: 'https://10.0.0.2:6443', version: 'v1.36.4', uid: 'uid-2' } }],
    ['fewer pods', { facts: { ...BEFORE.facts, counts: { ...BEFORE.facts.counts, Pod: 0 } } }],
  ])('%s are to be expected', (_, change) => {
    const { differs, expected } = compareBaseline(BEFORE, { ...NOW, ...change });
    expect(differs).toEqual([]);
    expect(expected.length).toBeGreaterThan(0);
  });

  it('takes external-dns, which comes back with its hold, for an expected difference', () => {
    const held = { container: 'Deployment external-dns/external-dns-main main', image: 'external-dns:1', digests: [] };
    const { differs, expected } = compareBaseline({ ...BEFORE, facts: { ...BEFORE.facts, images: [...BEFORE.facts.images, held] } }, NOW);
    expect(differs).toEqual([]);
    expect(expected.map(({ what }) => what)).toEqual([`image of ${held.container}`]);
  });

  it('loses nothing: everything of both sides is equal, different or expected', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 5 }), { maxLength: 8 });
    fc.assert(
      fc.property(names, names, (was, is) => {
        const services = (all: readonly string[]) => all.map((name) => ({ name, phase: 'Ready' }));
        const empty = { ...BEFORE.facts, agreements: [], images: [], charts: [], stores: [], counts: {} };
        const { differs, equal } = compareBaseline(
          { ...BEFORE, facts: { ...empty, services: services(was) } },
          { ...NOW, facts: { ...empty, services: services(is) } },
        );
        expect((equal['services'] ?? 0) + differs.length).toBe(new Set([...was, ...is]).size);
      }),
    );
  });
});
