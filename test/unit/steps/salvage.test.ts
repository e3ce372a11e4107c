import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import { withoutSecrets } from '../../../src/model/secret.ts';
import { clusterSalvage } from '../../../src/steps/salvage/salvage.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { core, encoded, lattice, objectOf, PLAN_CLUSTER, PLAN_SPECS, platformCluster, yaml } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';

const CANARY = 'canary-5f1d7c3e9a';
const CAPI = 'cluster.x-k8s.io/v1beta2';
const IN_GIT = lattice('LatticeService', 'shop/web', { spec: { replicas: 2 } });

interface World extends CrashCase {
  readonly parent: FakeKubeCluster;
  readonly old: FakeKubeCluster;
  /** What a kept file holds; `undefined` when there is none. */
  readonly kept: (name: string) => Promise<string | undefined>;
}

function oldCluster(): FakeKubeCluster {
  const old = platformCluster('https://old.invalid:6443');
  old.put(lattice('LatticeService', 'shop/web', { spec: { replicas: 5 }, status: { phase: 'Ready' } }));
  old.put(lattice('LatticeService', 'shop/by-hand', { spec: { replicas: 1 } }));
  old.put(lattice('CedarPolicy', 'lattice-system/parent--policy', { spec: {} }));
  old.put(lattice('LatticeCluster', 'child', { spec: {}, status: { phase: 'Ready', pivotComplete: true, bootstrapToken: CANARY } }));
  old.put(core('Secret', 'lattice-secrets/db', encoded({ password: CANARY })));
  old.put(core('Secret', 'shop/token', { ...encoded({ token: CANARY }), type: 'kubernetes.io/service-account-token' }));
  old.put(core('Namespace', 'capi-workload'));
  old.put(objectOf(CAPI, 'Cluster', { place: 'capi-workload/workload', rest: { spec: { files: [{ path: '/etc/x', content: CANARY }] } } }));
  return old;
}

function world(): World {
  const old = oldCluster();
  const parent = platformCluster('https://parent.invalid:6443');
  parent.put(lattice('LatticeCluster', 'workload', { spec: {}, status: { phase: 'Ready', bootstrapToken: CANARY } }));
  parent.put(core('Secret', 'istio-system/istiod-direct-kubeconfig-workload', encoded({ kubeconfig: 'direct' })));
  // The parent gives it to the child, so its copy there is no loss.
  parent.put(lattice('InfraProvider', 'lattice-system/aws', { spec: {} }));
  old.put(lattice('InfraProvider', 'lattice-system/aws', { spec: {} }));
  const bench = new StepBench({ clusters: { 'parent.yaml': parent, direct: old, 'own.yaml': old }, files: { 'specs.yaml': yaml(IN_GIT) } });
  const input = { cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit };
  const kept = async (name: string): Promise<string | undefined> => {
    const content = await bench.store.get(`runs/${await bench.runId()}/files/step/${name}`);
    return content === undefined ? undefined : Buffer.from(content).toString();
  };
  return { bench, parent, old, kept, run: async () => await bench.run('cluster/salvage', input), resume: async () => await bench.resume() };
}

async function run(made: World, salvage: JsonObject = {}): Promise<JsonObject> {
  const { bench } = made;
  const result = await bench.run('cluster/salvage', { cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, salvage });
  expect(result.error).toBeUndefined();
  return stepOf(result).outputs ?? {};
}

const RECIPIENT_KEY = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';

describe('cluster/salvage', () => {
  it('keeps the specs of an old cluster that answers, and says which of them git does not have', async () => {
    const made = world();
    const outputs = await run(made);
    expect(outputs).toMatchObject({
      server: 'https://old.invalid:6443',
      notInGit: { count: 2, names: ['lattice.dev/LatticeCluster child', 'lattice.dev/LatticeService shop/by-hand'] },
      differing: { count: 1, names: ['lattice.dev/LatticeService shop/web'] },
    });
    expect(await made.kept('specs.json')).toContain('"by-hand"');
    expect(JSON.parse((await made.kept('differences.json')) ?? '')).toMatchObject({
      differing: [{ key: 'lattice.dev/LatticeService shop/web', diffs: [{ path: 'spec.replicas', from: 5, to: 2 }] }],
    });
  });

  it('keeps the status of child clusters, which is load-bearing, without their tokens', async () => {
    const made = world();
    await run(made);
    expect(await made.kept('specs.json')).toContain('"pivotComplete": true');
    expect(await made.kept('specs.json')).not.toContain(CANARY);
    expect(await made.kept('parent.json')).not.toContain(CANARY);
  });

  it('without recipients salvages no secret, and says so', async () => {
    const made = world();
    const { findings } = await run(made);
    expect(findings).toContainEqual(expect.stringContaining('1 secret was not salvaged: the plan names no age recipients'));
    expect(await made.kept('secrets.age')).toBeUndefined();
    const keys = await made.bench.store.list('runs/');
    const contents = await Promise.all(keys.map(async (key) => Buffer.from((await made.bench.store.get(key)) ?? []).toString()));
    expect(contents.join('')).not.toContain(CANARY);
  });

  it('with recipients encrypts secrets and whole Cluster API objects, and nothing of them is anywhere else', async () => {
    const made = world();
    await run(made, { recipients: [RECIPIENT_KEY] });
    made.bench.secretFiles.files.set('identity', RECIPIENT_KEY);
    const age = Buffer.from((await made.kept('secrets.age')) ?? '');
    const plain = (await made.bench.secretFiles.decryptAge(age, { file: 'identity' })).reveal();
    expect(plain).toContain(Buffer.from(CANARY).toString('base64'));
    expect(plain).toContain(`"content": "${CANARY}"`);
    // A token of the old cluster is of no use to any other.
    expect(plain).not.toContain('service-account-token');
    const others = (await made.bench.store.list('runs/')).filter((key) => !key.endsWith('/secrets.age'));
    const contents = await Promise.all(others.map(async (key) => Buffer.from((await made.bench.store.get(key)) ?? []).toString()));
    const written = contents.join('') + (await made.bench.everythingWritten());
    for (const form of [CANARY, Buffer.from(CANARY).toString('base64'), Buffer.from(CANARY).toString('hex')]) expect(written).not.toContain(form);
    expect(await made.kept('capi.json')).toContain('"content": "[redacted]"');
  });

  it('puts a second copy where the plan wants one, and a folder that cannot be written is a finding', async () => {
    const made = world();
    await run(made, { folder: '/safe' });
    const copies = [...made.bench.secretFiles.files].filter(([path]) => path.startsWith('/safe/workload-'));
    expect(copies.some(([path]) => path.endsWith('/specs.json'))).toBe(true);
    // Nothing in it is secret, so that errors may quote it.
    for (const [, copy] of copies) expect(withoutSecrets(copy)).toBe(copy);

    const broken = world();
    broken.bench.secretFiles.write = async (path: string) => Promise.reject(new DrError({ code: 'STORE_FAILED', message: `no space for ${path}` }));
    expect((await run(broken, { folder: '/full' }))['findings']).toContainEqual(expect.stringContaining('no copy of specs.json in /full'));
  });

  it('a store that refuses one file is a finding, and the others are kept', async () => {
    const made = world();
    const { putIfAbsent } = made.bench.store;
    made.bench.store.putIfAbsent = async (key, value) => {
      if (key.endsWith('/specs.json')) throw new DrError({ code: 'STORE_FAILED', message: 'the object is too large' });
      return await putIfAbsent.call(made.bench.store, key, value);
    };
    const { findings, files } = await run(made);
    expect(findings).toContainEqual('specs.json could not be kept with the run: the object is too large');
    expect(JSON.stringify(files)).toContain('parent.json');
  });

  it('a dead cluster costs no time and is no error', async () => {
    const made = world();
    made.old.inject({ fault: new DrError({ code: 'KUBE_UNAVAILABLE', message: 'connect ECONNREFUSED 10.0.0.1:6443' }) });
    const result = await made.run();
    expect(result.error).toBeUndefined();
    expect(result.elapsedMs).toBe(0);
    expect(stepOf(result).outputs).toMatchObject({ notInGit: { count: 0 } });
    expect(stepOf(result).outputs?.['findings']).toContainEqual(expect.stringContaining('ECONNREFUSED'));
    expect(stepOf(result).outputs?.['server']).toBeUndefined();
    expect(await made.kept('parent.json')).toContain('LatticeCluster');
    expect(stepOf(result).outputs?.['findings']).toHaveLength(1);
  });

  it('a server that answers no read is given up after 10 s, and one that stops in the middle after 45 s, with what it gave', async () => {
    const silent = world();
    silent.old.inject({ verbs: ['get'], fault: 'hang' });
    expect((await silent.run()).elapsedMs).toBe(10_000);

    const halfway = world();
    halfway.old.inject({ verbs: ['list'], match: ({ kind }) => kind === 'Secret', fault: 'hang' });
    const result = await halfway.run();
    expect(result.elapsedMs).toBe(45_000);
    expect(result.error).toBeUndefined();
    expect(stepOf(result).outputs?.['findings']).toContainEqual('reading the old cluster was given up after 45 s');
  });

  it('one list that is refused takes nothing from the others', async () => {
    const made = world();
    const fault = new DrError({ code: 'KUBE_REFUSED', message: 'forbidden' });
    made.old.inject({ verbs: ['list'], match: ({ kind }) => kind === 'CedarPolicy', fault });
    const { findings, notInGit } = await run(made);
    expect(findings).toContainEqual('CedarPolicy of https://old.invalid:6443: forbidden');
    expect(notInGit).toMatchObject({ count: 2 });
  });

  it('is not repeated by a resume: what was salvaged first stands, and nobody is asked again', async () => {
    const rehearsal = world();
    await rehearsal.run();
    const made = world();
    // The last line but one is the step's end: everything is kept, and the journal does not know it.
    made.bench.store.crashAt({ append: rehearsal.bench.store.appends - 1, side: 'before' });
    await made.run().catch(() => undefined);
    const before = made.old.requests.length + made.parent.requests.length;
    expect(before).toBeGreaterThan(0);
    const result = await made.resume();
    expect(stepOf(result)).toMatchObject({ found: true, outputs: { notInGit: { count: 2 } } });
    expect(made.old.requests.length + made.parent.requests.length).toBe(before);
  });

  it('takes nothing from the parent once the LatticeCluster there is the new one', async () => {
    const made = world();
    made.bench.store.crashAt({ append: 2, side: 'after' });
    await made.run().catch(() => undefined);
    made.bench.store.revive();
    const annotations = { 'dr.lattice.dev/run': await made.bench.runId() };
    made.parent.put(lattice('LatticeCluster', 'workload', { metadata: { annotations }, spec: {} }));
    const { outputs } = stepOf(await made.resume());
    expect(outputs?.['findings']).toContainEqual(expect.stringContaining('too late'));
    expect(outputs?.['files']).toEqual([]);
    expect(made.old.requests).toEqual([]);
  });

  it('asks for the cluster by the kubeconfig of the plan when it names one', async () => {
    const made = world();
    made.parent.remove({ apiVersion: 'v1', kind: 'Secret', namespace: 'istio-system', name: 'istiod-direct-kubeconfig-workload' });
    expect((await run(made))['findings']).toContainEqual(expect.stringContaining('there is no kubeconfig of the old cluster'));
    expect(await run(world(), { kubeconfig: { file: 'own.yaml' } })).toMatchObject({ server: 'https://old.invalid:6443' });
  });

  it('git that cannot be read is a finding, and the specs are kept', async () => {
    const made = world();
    const result = await made.bench.run('cluster/salvage', { cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: '0'.repeat(40) });
    expect(result.error).toBeUndefined();
    expect(stepOf(result).outputs?.['findings']).not.toEqual([]);
    expect(await made.kept('specs.json')).toContain('by-hand');
  });

  it('killed anywhere, ends with one set of files', async () => {
    await crashEverywhere(
      () => world(),
      async ({ kept }, result, where) => {
        expect(result.error, where).toBeUndefined();
        expect(stepOf(result).outputs, where).toMatchObject({ notInGit: { count: 2 } });
        expect(await kept('specs.json'), where).toContain('by-hand');
      },
    );
  });

  it('says before it runs that nothing is changed, and whether secrets are taken', async () => {
    const { bench } = world();
    const input = { cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit };
    expect((await bench.plan('cluster/salvage', input)).map(({ verb, note }) => [verb, note])).toEqual([['run', expect.stringContaining('no secrets')]]);
    expect(clusterSalvage.effects).toEqual([]);
  });
});
