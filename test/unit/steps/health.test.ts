import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { Baseline } from '../../../src/model/baseline.ts';
import { digestOf } from '../../../src/model/digest.ts';
import type { Hold } from '../../../src/model/hold.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { collectFacts } from '../../../src/steps/baseline/collect.ts';
import { healthVerify } from '../../../src/steps/health/verify.ts';
import type { FakeAnswers } from '../../fakes/fake-http-probe.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { core, lattice, objectOf, PLAN_CLUSTER, PLAN_SPECS, platformCluster, TARGET, yaml } from './objects.ts';
import { StepBench, stepOf } from './step-harness.ts';

const PORTS = { service: { ports: { http: { port: 80 } } } };
const WEB = lattice('LatticeService', 'shop/web', { spec: { workload: { containers: { main: { image: 'x', command: ['/x'] } }, ...PORTS } } });
const PARKED = lattice('LatticeService', 'shop/parked', {
  spec: { replicas: 0, workload: { containers: { main: { image: 'x', command: ['/x'] } }, ...PORTS } },
});
const DNS_PROVIDER = lattice('DNSProvider', 'lattice-system/main', { spec: { type: 'route53' } });
const ISSUER = lattice('CertIssuer', 'lattice-system/letsencrypt', { spec: { type: 'acme', acme: { dnsProviderRef: 'main' } } });
const URL_OF_SHOP = 'http://shop.example.com:8080/healthz';
const PROBE = { name: 'shop', url: URL_OF_SHOP, expect: { status: 200, bodyDigest: digestOf('before') } };
const DNS = {
  servers: [{ name: 'ns1', host: '192.0.2.53', zone: 'example.com' }],
  records: [{ name: 'shop.example.com', type: 'A', owner: 'lattice-dr', server: 'ns1', to: { service: 'shop/gateway' } }],
};
const GOOD: FakeAnswers = [{ status: 200, body: 'before' }];

function ready(object: KubeObject, status: JsonObject = {}): KubeObject {
  return { ...object, metadata: { ...object.metadata, generation: 1 }, status: { phase: 'Ready', observedGeneration: 1, ...status } };
}

function deployment(available = 1): KubeObject {
  const status = {
    observedGeneration: 1,
    replicas: 1,
    updatedReplicas: 1,
    readyReplicas: available,
    availableReplicas: available,
    conditions: [{ type: 'Available', status: available > 0 ? 'True' : 'False' }],
  };
  return objectOf('apps/v1', 'Deployment', { place: 'shop/web', rest: { spec: { replicas: 1 }, status } });
}

function endpoints(isReady = true): KubeObject {
  const rest = { metadata: { labels: { 'kubernetes.io/service-name': 'web' } }, endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: isReady } }] };
  return objectOf('discovery.k8s.io/v1', 'EndpointSlice', { place: 'shop/web-1', rest });
}

function gateway(cluster: FakeKubeCluster, hostname: string, addresses: readonly string[]): void {
  const name = hostname.replace('*', 'all').replaceAll('.', '-');
  const api = 'gateway.networking.k8s.io/v1';
  const rest = { spec: { hostnames: [hostname], parentRefs: [{ name }] } };
  cluster.put(objectOf(api, 'HTTPRoute', { place: `shop/${name}`, rest }));
  cluster.put(objectOf(api, 'Gateway', { place: `shop/${name}`, rest: { status: { addresses: addresses.map((value) => ({ value })) } } }));
}

interface World {
  readonly bench: StepBench;
  readonly cluster: FakeKubeCluster;
  run(input?: JsonObject): Promise<RunResult>;
}

function world(answers: FakeAnswers = GOOD, specs: readonly KubeObject[] = [WEB]): World {
  const cluster = platformCluster();
  for (const object of [ready(WEB), deployment(), endpoints()]) cluster.put(object);
  cluster.put(core('Service', 'shop/gateway', { status: { loadBalancer: { ingress: [{ ip: '2001:db8::9' }, { ip: '203.0.113.9' }] } } }));
  const bench = new StepBench({ clusters: { 'new.yaml': cluster }, files: { 'specs.yaml': yaml(...specs) }, answers: { [URL_OF_SHOP]: answers } });
  const run = async (input: JsonObject = {}) =>
    bench.run('health/verify', {
      target: TARGET,
      cluster: PLAN_CLUSTER,
      specs: PLAN_SPECS,
      commit: bench.commit,
      health: [PROBE],
      dns: DNS,
      timeout: '5m',
      ...input,
    });
  return { bench, cluster, run };
}

describe('health/verify: the platform', () => {
  it('passes when service, pods, endpoints and probes are well', async () => {
    const { run, cluster } = world();
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(stepOf(result).outputs).toEqual({ objects: 1, probes: 1 });
    expect(cluster.watches).toBe(0);
    expect(cluster.requests.every(({ verb }) => verb === 'get' || verb === 'list')).toBe(true);
  });

  it.each<[string, (cluster: FakeKubeCluster) => void, string]>([
    ['a service that is gone', (cluster) => cluster.remove({ ...WEB, namespace: 'shop', name: 'web' }), 'shop/web: does not exist'],
    ['a phase for another generation', (cluster) => cluster.put({ ...ready(WEB), metadata: { ...WEB.metadata, generation: 2 } }), 'generation 1 of 2'],
    ['the words of the platform', (cluster) => cluster.put(ready(WEB, { phase: 'Failed', message: 'no such image' })), 'Failed: no such image'],
    ['pods that do not run although the phase is Ready', (cluster) => cluster.put(deployment(0)), 'Deployment web'],
    ['a service without a ready endpoint', (cluster) => cluster.put(endpoints(false)), 'Service web has no ready endpoint'],
  ])('names %s', async (_, spoil, words) => {
    const { run, cluster } = world();
    spoil(cluster);
    const { error, elapsedMs } = await run();
    expect(error).toMatchObject({ code: 'HEALTH_NOT_PROVEN', kind: 'verification' });
    expect(error?.message).toContain('1 of 1 objects are not healthy after 300 s');
    expect(error?.message).toContain(words);
    expect(elapsedMs).toBe(300_000);
  });

  it('counts all that is not well, and keeps as many words as a journal can bear', async () => {
    const { run } = world(
      GOOD,
      Array.from({ length: 250 }, (_, index) => lattice('LatticeService', `shop/lost-${index}`, { spec: WEB.spec as JsonObject })),
    );
    const { error } = await run();
    expect(error?.message.split('\n')).toHaveLength(21);
    expect(error?.details).toMatchObject({ count: 250, unhealthy: { length: 200 } });
  });

  it('goes on the moment the last object is well, without polling', async () => {
    const { run, cluster, bench } = world();
    cluster.put(endpoints(false));
    void bench.clock.sleep(61_234).then(() => cluster.put(endpoints()));
    expect((await run()).elapsedMs).toBe(61_234);
  });

  it('expects nothing behind a service that is scaled to zero', async () => {
    const { run, cluster } = world(GOOD, [WEB, PARKED]);
    cluster.put(ready(PARKED));
    expect(stepOf(await run()).outputs).toMatchObject({ objects: 2 });
  });

  it('leaves out what waits for a hold', async () => {
    const { run, cluster } = world(GOOD, [WEB, DNS_PROVIDER, ISSUER]);
    cluster.put(ready(ISSUER, { phase: 'Pending' }));
    expect(stepOf(await run()).outputs).toMatchObject({ objects: 1 });
  });

  it('tells one-sided agreements and does not stop for them', async () => {
    const caller = lattice('LatticeService', 'shop/web', {
      spec: { workload: { ...(WEB.spec?.['workload'] as JsonObject), resources: { api: { type: 'service', direction: 'outbound' } } } },
    });
    const callee = lattice('LatticeService', 'shop/api', { spec: { workload: { containers: { main: { image: 'x', command: ['/x'] } } } } });
    const { run, cluster, bench } = world(GOOD, [caller, callee]);
    cluster.put(ready(caller));
    cluster.put(ready(callee));
    cluster.put({ ...deployment(), metadata: { name: 'api', namespace: 'shop' } });
    expect((await run()).error).toBeUndefined();
    expect(bench.evidence().filter((line) => 'denied' in line)).toEqual([{ denied: expect.stringContaining('caller-only') }]);
  });
});

describe('health/verify: what is held', () => {
  const HOLD: Hold = { id: 'backup-location/velero/lattice-main', kind: 'backup-location', subject: '', prior: { accessMode: 'ReadWrite' }, releaseWhen: '' };

  it.each<[string, JsonObject | undefined, string | undefined]>([
    ['a location that is ReadOnly', { accessMode: 'ReadOnly' }, undefined],
    ['one that is gone', undefined, undefined],
    ['one that somebody made writable', { accessMode: 'ReadWrite' }, 'backup-location/velero/lattice-main is held ReadOnly and is ReadWrite'],
    ['one that is written anew, without a mode', {}, 'is held ReadOnly and is ReadWrite, which is the default'],
  ])('is looked at again: %s', async (_, spec, words) => {
    const { bench, cluster } = world();
    if (spec !== undefined) cluster.put(objectOf('velero.io/v1', 'BackupStorageLocation', { place: 'velero/lattice-main', rest: { spec } }));
    const read = bench.context(healthVerify.with.parse({ target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit }));
    const proof = await healthVerify.verify({ ...read, holds: () => [HOLD] } as unknown as Parameters<typeof healthVerify.verify>[0]);
    expect(proof.ok).toBe(words === undefined);
    if (words !== undefined) expect(proof).toMatchObject({ reason: expect.stringContaining(words) });
  });
});

describe('health/verify: probes', () => {
  it('ask at the address the name will have, of its family, before the cutover, and by name after it', async () => {
    const before = world();
    await before.run({ dns: DNS });
    expect(before.bench.http.requests[0]?.address).toEqual({ host: '203.0.113.9', port: 8080 });
    const after = world();
    await after.run({ dns: DNS, byName: true });
    expect(after.bench.http.requests[0]?.address).toBeUndefined();
  });

  it.each<[string, JsonObject, string]>([
    ['a name of external-dns', { records: [{ name: 'shop.example.com', type: 'A', owner: 'external-dns' }] }, '198.51.100.7'],
    ['a name that a person moves', { records: [{ name: 'shop.example.com.', type: 'AAAA', owner: 'manual' }] }, '2001:db8::7'],
    ['a CNAME', { records: [{ name: 'shop.example.com', type: 'CNAME', owner: 'external-dns' }] }, 'lb.example.net'],
    ['a name without a record in the plan', { records: [] }, '198.51.100.7'],
  ])('ask for %s at the Gateway of its route, never by name: the old cluster would answer for the new one', async (_, dns, host) => {
    const { run, bench, cluster } = world();
    gateway(cluster, '*.example.com', [host]);
    expect((await run({ dns })).error).toBeUndefined();
    expect(bench.http.requests.map(({ address }) => address)).toEqual([
      { host, port: 8080 },
      { host, port: 8080 },
    ]);
  });

  it('take the route that says most about a name, and an Ingress where there is no Gateway API', async () => {
    const { run, bench, cluster } = world();
    gateway(cluster, '*.example.com', ['198.51.100.1']);
    gateway(cluster, 'shop.example.com', ['198.51.100.2']);
    await run({ dns: { records: [] } });
    expect(bench.http.requests[0]?.address?.host).toBe('198.51.100.2');
    const plain = world();
    plain.cluster.put(
      objectOf('networking.k8s.io/v1', 'Ingress', {
        place: 'shop/web',
        rest: { spec: { rules: [{ host: 'shop.example.com' }] }, status: { loadBalancer: { ingress: [{ ip: '198.51.100.3' }] } } },
      }),
    );
    await plain.run({ dns: { records: [] } });
    expect(plain.bench.http.requests[0]?.address?.host).toBe('198.51.100.3');
  });

  it('fail with the reason where the rebuilt cluster has no address for the name, and ask nobody else', async () => {
    const { run, bench } = world();
    const { error } = await run({ dns: { records: [{ name: 'shop.example.com', type: 'A', owner: 'external-dns' }] } });
    expect(error).toMatchObject({ code: 'HEALTH_NOT_PROVEN' });
    expect(error?.message).toContain('the rebuilt cluster has no address for shop.example.com');
    expect(bench.http.requests).toEqual([]);
  });

  it('leave a name out by name that external-dns or a person moves after the release, and say so', async () => {
    const { run, bench } = world();
    const dns = { records: [{ name: 'shop.example.com', type: 'A', owner: 'external-dns' }] };
    const result = await run({ dns, byName: true });
    expect(stepOf(result)).toMatchObject({ state: 'succeeded', outputs: { probes: 0 } });
    expect(bench.http.requests).toEqual([]);
    expect(JSON.stringify(await bench.journal())).toContain('moves after release');
    const input = { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, health: [PROBE], dns, byName: true };
    expect(await bench.plan('health/verify', input)).toMatchObject([{ subject: `leave out GET ${URL_OF_SHOP}` }]);
  });

  it.each([
    ['through the resolver of the plan', { resolver: { host: '192.0.2.53', port: 53 } }, { resolver: { host: '192.0.2.53', port: 53 } }],
    ['at the address of the plan', { address: { host: '10.9.9.9', port: 81 } }, { address: { host: '10.9.9.9', port: 81 } }],
  ])('ask %s', async (_, via, expected) => {
    const { run, bench } = world();
    await run({ dns: DNS, byName: true, health: [{ ...PROBE, via }] });
    expect(bench.http.requests[0]).toMatchObject(expected);
  });

  it.each<[string, FakeAnswers, string]>([
    ['another body, with both digests', [{ status: 200, body: 'after' }], `body digest ${digestOf('after')} instead of ${digestOf('before')}`],
    ['another status', [{ status: 503, body: 'before' }], 'status 503 instead of 200'],
    ['no answer', [undefined], 'ECONNREFUSED'],
  ])('name %s', async (_, answers, words) => {
    const { error } = await world(answers).run();
    expect(error).toMatchObject({ code: 'HEALTH_NOT_PROVEN' });
    expect(error?.message).toContain('1 of 1 health probes fail');
    expect(error?.message).toContain(words);
  });

  it('look for a text in the body', async () => {
    const { error } = await world().run({ health: [{ ...PROBE, expect: { bodyContains: 'after' } }] });
    expect(error?.message).toContain("the body does not contain 'after'");
  });

  it('are repeated while services still start, for as long as the plan gives them', async () => {
    const starting: FakeAnswers = [...Array.from({ length: 40 }, () => undefined), ...GOOD];
    const slow = await world(starting).run({ health: [{ ...PROBE, timeout: '2m' }] });
    expect(slow.error).toBeUndefined();
    expect((await world(starting).run()).error).toMatchObject({ code: 'HEALTH_NOT_PROVEN' });
  });

  it('must still pass when the proof is made', async () => {
    const { error } = await world([...GOOD, { status: 500, body: 'broken again' }]).run();
    expect(error).toMatchObject({ code: 'VERIFY_FAILED', kind: 'verification' });
    expect(error?.message).toContain('status 500 instead of 200');
  });

  it('stop for what is no answer to a probe', async () => {
    const { run, cluster } = world();
    cluster.inject({ verbs: ['get'], match: ({ kind }) => kind === 'Service', fault: new DrError({ code: 'KUBE_UNAUTHORIZED', message: 'expired' }) });
    expect((await run({ dns: DNS })).error).toMatchObject({ code: 'KUBE_UNAUTHORIZED' });
  });
});

describe('health/verify beside a baseline', () => {
  const key = (time: string): string => `baselines/workload/${time}.json`;

  async function withBaseline(change: (baseline: Baseline) => JsonObject, time = '20260301T020000.000Z'): Promise<JsonObject> {
    const { run, bench, cluster } = world();
    const { facts } = await collectFacts(cluster, new AbortController().signal);
    const baseline: Baseline = {
      formatVersion: 1,
      cluster: 'workload',
      takenAt: '2026-03-01T02:00:00.000Z',
      tool: '1.0.0',
      api: { server: 'https://old.invalid:6443', version: 'v1.36.3', uid: 'old' },
      certificates: [],
      health: [{ name: 'shop', url: URL_OF_SHOP, status: 200, bodyDigest: digestOf('before') }],
      facts,
      findings: [],
    };
    await bench.store.putIfAbsent(key(time), Buffer.from(JSON.stringify(change(baseline))));
    const result = await run();
    expect(result.error).toBeUndefined();
    return (await evidenceOf(bench))['baseline'] as JsonObject;
  }

  async function evidenceOf(bench: StepBench): Promise<JsonObject> {
    const entry = (await bench.journal()).find(({ type }) => type === 'step-succeeded');
    return entry?.type === 'step-succeeded' ? entry.evidence : {};
  }

  it('tells what is as it was, and what differs as it does after every rebuild', async () => {
    const evidence = await withBaseline((baseline) => baseline);
    expect(evidence).toMatchObject({ takenAt: '2026-03-01T02:00:00.000Z', equal: { health: 1, services: 1 }, differs: [], differsCount: 0 });
    expect(evidence['expected']).toContainEqual({ what: 'API server', before: 'https://old.invalid:6443', now: 'https://new.invalid:6443' });
  });

  it('a service that was there before and is not now is told, and stops nothing', async () => {
    const evidence = await withBaseline((baseline) => ({ ...baseline, facts: { ...baseline.facts, services: [{ name: 'shop/gone', phase: 'Ready' }] } }));
    expect(evidence['differs']).toEqual([
      { what: 'service shop/gone', before: 'Ready' },
      { what: 'service shop/web', now: 'Ready' },
    ]);
  });

  it('says that there is none, and takes none that was made after the run began', async () => {
    const { run, bench } = world();
    await run();
    expect(await evidenceOf(bench)).toMatchObject({ baseline: { missing: expect.stringContaining('no baseline of this cluster') } });
    expect(await withBaseline((baseline) => baseline, '20260301T040000.000Z')).toMatchObject({ missing: expect.stringContaining('no baseline') });
  });

  it('one of another format is told as such, and stops nothing', async () => {
    expect(await withBaseline((baseline) => ({ ...baseline, formatVersion: 2 }))).toEqual({ missing: expect.stringContaining('is not of format 1') });
  });

  it('is not compared again after the cutover', async () => {
    const { run, bench } = world();
    await run({ byName: true });
    expect(await evidenceOf(bench)).not.toHaveProperty('baseline');
  });
});
