import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { currentCrds } from '../specs/seed-files.ts';
import { core, lattice, PLAN_CLUSTER, PLAN_SPECS, platformCluster, TARGET, yaml } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';

function service(name: string, resources: JsonObject = {}): KubeObject {
  return lattice('LatticeService', `shop/${name}`, {
    spec: { workload: { containers: { main: { image: 'registry.invalid/app:1', command: ['/app'] } }, resources } },
  });
}

const NAMESPACE = core('Namespace', 'fresh');
const DNS = lattice('DNSProvider', 'lattice-system/main', { spec: { type: 'route53' } });
const ISSUER = lattice('CertIssuer', 'lattice-system/letsencrypt', { spec: { type: 'acme', acme: { dnsProviderRef: 'main' } } });
const OWNER = service('owner', { store: { type: 'volume', id: 'films', params: { size: '10Gi', allowedConsumers: ['consumer'] } } });
const CONSUMER = service('consumer', { store: { type: 'volume', id: 'films' } });
const BACKUP = lattice('LatticeClusterBackup', 'lattice-system/daily', { spec: { schedule: '0 3 * * *', storeRef: 'main' } });
const CHILD = lattice('LatticeCluster', 'child', { spec: { providerRef: 'lab', latticeImage: 'registry.invalid/lattice:1' } });
const JOB = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'migrate', namespace: 'shop' }, spec: {} };

interface World extends CrashCase {
  readonly cluster: FakeKubeCluster;
  run(): Promise<RunResult>;
}

/** A platform that makes everything ready at once, but what is in `never`. */
function world(objects: readonly KubeObject[], never: Readonly<Record<string, JsonObject>> = {}): World {
  const cluster = platformCluster();
  for (const kind of ['LatticeService', 'SecretProvider', 'CertIssuer', 'LatticeClusterBackup', 'BackupStore', 'DNSProvider']) {
    cluster.react({ apiVersion: 'lattice.dev/v1alpha1', kind }, (object) => {
      if (object.status !== undefined) return;
      const phase = kind === 'LatticeClusterBackup' ? 'Active' : 'Ready';
      cluster.put({ ...object, status: { phase, observedGeneration: object.metadata.generation ?? 1, ...never[object.metadata.name] } });
    });
  }
  const bench = new StepBench({ clusters: { 'new.yaml': cluster }, files: { 'specs.yaml': yaml(...objects) } });
  const input = { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, readyTimeout: '2m' };
  return { bench, cluster, run: async () => bench.run('specs/apply', input), resume: async () => bench.resume() };
}

function applied(cluster: FakeKubeCluster): readonly string[] {
  return cluster.requests.filter(({ verb }) => verb === 'apply').map(({ ref }) => `${ref.kind} ${ref.name}`);
}

describe('specs/apply', () => {
  const STORE = lattice('BackupStore', 'lattice-system/main', { spec: { storage: { s3: { bucket: 'b', endPoint: 'https://s3.example.com' } } } });
  const FIELD = 'BackupStore/lattice-system/main:spec.storage.s3.endPoint';
  const MISSPELT = lattice('DNSProvider', 'lattice-system/main', { spec: { type: 'route53', zone: 'example.com', zoneId: 'Z1' } });
  const HELD_FIELD = 'DNSProvider/lattice-system/main:spec.zoneId';

  it('applies nothing while a field would be lost, and leaves out what somebody has accepted to lose', async () => {
    const { bench, cluster, run } = world([STORE, OWNER, MISSPELT]);
    for (const kind of ['BackupStore', 'DNSProvider']) cluster.put(currentCrds().get(kind) ?? STORE);
    expect((await run()).error).toMatchObject({ code: 'PRUNED_FIELDS', kind: 'invalid', details: { fields: [FIELD, HELD_FIELD] } });
    expect(applied(cluster)).toEqual([]);
    const result = await bench.resume({ decisions: { accept: [FIELD, HELD_FIELD].map((subject) => ({ what: 'pruned' as const, subject })) } });
    expect(stepOf(result).outputs).toMatchObject({ applied: 2, dropped: [FIELD, HELD_FIELD] });
    // What is put aside is applied by a release, to the same server.
    expect(result.holds.find(({ kind }) => kind === 'dns-provider')?.prior).toMatchObject({ object: { spec: { type: 'route53' } } });
    expect(JSON.stringify(result.holds)).not.toContain('zoneId');
    expect(cluster.peek({ apiVersion: STORE.apiVersion, kind: STORE.kind, namespace: 'lattice-system', name: 'main' })?.spec).toEqual({
      storage: { s3: { bucket: 'b' } },
    });
  });

  it('applies in the order of needs, each object once, whatever the order in the file', async () => {
    const { run, cluster } = world([CONSUMER, OWNER, { ...service('first'), metadata: { name: 'first', namespace: 'fresh' } }, NAMESPACE]);
    const result = await run();
    expect(result.error).toBeUndefined();
    const order = applied(cluster);
    expect(order.toSorted()).toEqual(['LatticeService consumer', 'LatticeService first', 'LatticeService owner', 'Namespace fresh']);
    expect(order.indexOf('LatticeService owner')).toBeLessThan(order.indexOf('LatticeService consumer'));
    expect(order.indexOf('Namespace fresh')).toBeLessThan(order.indexOf('LatticeService first'));
    expect(stepOf(result).outputs).toMatchObject({ applied: 4, held: [], skipped: [] });
    expect(cluster.watches).toBe(0);
  });

  it('holds what would act too early, journalled before the first object goes out', async () => {
    const { run, cluster, bench } = world([
      DNS,
      CHILD,
      BACKUP,
      lattice('BackupStore', 'lattice-system/main', { spec: { storage: { s3: { bucket: 'b' } } } }),
      NAMESPACE,
      JOB,
    ]);
    const held: number[] = [];
    cluster.inject({ verbs: ['apply'], times: 1, fault: async () => void held.push((await bench.journal()).filter(({ type }) => type === 'held').length) });
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(held).toEqual([3]);
    expect(result.holds.map(({ kind }) => kind).toSorted()).toEqual(['backup-schedule', 'child-cluster', 'dns-provider']);
    expect(applied(cluster)).not.toContain('DNSProvider main');
    expect(applied(cluster)).not.toContain('LatticeCluster child');
    expect(applied(cluster).at(-1)).toBe('LatticeClusterBackup daily');
    expect(cluster.peek({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeClusterBackup', namespace: 'lattice-system', name: 'daily' })?.spec).toMatchObject({
      paused: true,
    });
    expect(stepOf(result).outputs?.['skipped']).toEqual([expect.stringContaining('Job shop/migrate')]);
  });

  it('applies an issuer whose provider is held and does not wait for it', async () => {
    const { run, cluster } = world([DNS, ISSUER], { letsencrypt: { phase: 'Pending' } });
    const result = await run();
    expect(result.state).toBe('succeeded');
    expect(applied(cluster)).toEqual(['CertIssuer letsencrypt']);
    expect(result.elapsedMs).toBeLessThan(1_000);
  });

  it("reports a refusal in the server's words, what was not started, and keeps the rest", async () => {
    const { run, cluster, resume } = world([OWNER, CONSUMER, service('alone')]);
    cluster.inject({
      verbs: ['apply'],
      match: ({ name }) => name === 'owner',
      times: 1,
      fault: new DrError({ code: 'KUBE_REFUSED', message: 'admission webhook denied: no image' }),
    });
    const { error } = await run();
    expect(error).toMatchObject({ code: 'KUBE_REFUSED', details: { notStarted: ['lattice.dev/LatticeService shop/consumer'] } });
    expect(error?.message).toContain('admission webhook denied: no image');
    expect(applied(cluster)).toContain('LatticeService alone');
    const before = applied(cluster).length;
    expect((await resume()).state).toBe('succeeded');
    expect(applied(cluster).slice(before).toSorted()).toEqual(['LatticeService consumer', 'LatticeService owner']);
  });

  it('says what the platform says of an object that others wait for', async () => {
    const { run, cluster } = world([OWNER, CONSUMER], { owner: { phase: 'Compiling', message: 'no volume class' } });
    const { error } = await run();
    expect(error).toMatchObject({ code: 'STEP_FAILED' });
    expect(error?.message).toContain('not ready after 120 s: Compiling: no volume class');
    expect(applied(cluster)).toEqual(['LatticeService owner']);
  });

  it('tries again by itself when all that failed may pass', async () => {
    const { run, cluster } = world([OWNER]);
    cluster.inject({ verbs: ['apply'], times: 2, fault: new DrError({ code: 'KUBE_UNAVAILABLE', message: 'webhook down', retry: 'retryable' }) });
    expect((await run()).state).toBe('succeeded');
  });

  it('skips what is applied, in the spelling of the server too', async () => {
    const quota = (cpu: string) => core('ConfigMap', 'shop/limits', { spec: { limits: { cpu } } });
    const { run, bench, cluster } = world([OWNER, quota('1000m')]);
    const result = await run();
    cluster.put({
      ...(cluster.peek({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'limits' }) as KubeObject),
      spec: { limits: { cpu: '1' } },
    });
    const before = applied(cluster).length;
    const again = await bench.run('specs/apply', { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit });
    expect([result.state, again.state]).toEqual(['succeeded', 'succeeded']);
    expect(stepOf(again).found).toBe(true);
    expect(applied(cluster).length).toBe(before);
  });

  it('does not take an object of another manager for applied', async () => {
    const { run, cluster } = world([NAMESPACE]);
    await cluster.apply(NAMESPACE, { fieldManager: 'kubectl', signal: new AbortController().signal });
    expect((await run()).state).toBe('succeeded');
    expect(applied(cluster)).toEqual(['Namespace fresh', 'Namespace fresh']);
  });

  it('reports references to what neither git nor the cluster has', async () => {
    const reads = (id: string) => service(`reads-${id}`, { [id]: { type: 'secret', id, params: { provider: 'lattice-local' } } });
    const { run, cluster } = world([reads('there'), reads('gone')]);
    cluster.put(core('Secret', 'lattice-secrets/there'));
    const { dangling } = stepOf(await run()).outputs as { dangling: string[] };
    expect(dangling).toHaveLength(1);
    expect(dangling[0]).toContain('shop/reads-gone needs Secret lattice-secrets/gone');
  });

  it('refuses faulty specs with all faults, before anything is applied', async () => {
    const { run, cluster } = world([
      { ...OWNER, metadata: {} as KubeObject['metadata'] },
      { ...CONSUMER, kind: '' },
    ]);
    const { error } = await run();
    expect(error).toMatchObject({ code: 'INPUT_INVALID' });
    expect(error?.message).toContain('2 faults in the specs');
    expect(applied(cluster)).toEqual([]);
  });

  it('shows objects, holds and what is skipped, each with its place in git', async () => {
    const { bench } = world([DNS, ISSUER, JOB]);
    const changes = await bench.plan('specs/apply', { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit });
    expect(changes.map(({ verb, subject }) => `${verb} ${subject}`)).toEqual([
      'run apply the specs',
      'create lattice.dev/CertIssuer lattice-system/letsencrypt',
      'run hold lattice.dev/DNSProvider lattice-system/main',
      'run skip batch/Job shop/migrate',
    ]);
    expect(changes.slice(0, 2).map(({ note }) => note)).toEqual([`of commit ${bench.commit.slice(0, 12)}`, 'specs.yaml:3']);
  });

  it('comes to the same end after a kill anywhere', async () => {
    await crashEverywhere(
      () => world([CONSUMER, OWNER, DNS]),
      ({ cluster }: World, result: RunResult, where: string) => {
        expect(result.error, where).toBeUndefined();
        expect(applied(cluster).toSorted(), where).toEqual(['LatticeService consumer', 'LatticeService owner']);
        expect(result.holds.length, where).toBe(1);
      },
    );
  });
});
