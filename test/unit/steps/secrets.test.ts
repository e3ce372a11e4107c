import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import type { FakeProgram } from '../../fakes/fake-processes.ts';
import { encryptForTest } from '../../fakes/memory-secret-files.ts';
import { core, encoded, PLAN_CLUSTER, PLAN_SPECS, platformCluster, TARGET, yaml } from './objects.ts';
import { StepBench, stepOf } from './step-harness.ts';

/** If this is found anywhere in what is written, a secret has leaked. */
const CANARY = 'canary-5f3a9c';
const IDENTITY = 'AGE-SECRET-KEY-1';

function secret(place: string, value = CANARY, rest: JsonObject = {}): KubeObject {
  return core('Secret', place, { metadata: { labels: { 'lattice.dev/secret-source': 'true' } }, ...encoded({ password: value }), ...rest });
}

interface World {
  readonly bench: StepBench;
  readonly cluster: FakeKubeCluster;
  run(sources: readonly JsonObject[]): ReturnType<StepBench['run']>;
}

function world(options: { readonly age?: string; readonly sops?: string; readonly program?: FakeProgram } = {}): World {
  const cluster = platformCluster();
  const lines = (text: string) => new TextDecoder().decode(encryptForTest(text, IDENTITY));
  const files = options.sops === undefined ? { 'README.yaml': '' } : { 'secrets/app.yaml': lines(options.sops) };
  const bench = new StepBench({ clusters: { 'new.yaml': cluster }, files, ...(options.program === undefined ? {} : { programs: { vault: options.program } }) });
  bench.secretFiles.files.set('dr.txt', IDENTITY);
  if (options.age !== undefined) bench.secretFiles.files.set('originals.age', lines(options.age));
  const run = async (secrets: readonly JsonObject[]) =>
    bench.run('secrets/restore', { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, secrets: [...secrets] });
  return { bench, cluster, run };
}

const AGE = { groups: ['lattice-secrets'], from: { age: 'originals.age', identity: { file: 'dr.txt' } } };
const SOPS = { groups: ['app'], from: { sops: 'secrets/app.yaml', identity: { file: 'dr.txt' } } };
const VAULT = { groups: ['vault'], from: { command: ['vault', 'export'] } };

function valueOf(cluster: FakeKubeCluster, place: string): string | undefined {
  const [namespace = '', name = ''] = place.split('/');
  const data = cluster.peek({ apiVersion: 'v1', kind: 'Secret', namespace, name })?.['data'] as Record<string, string> | undefined;
  return data?.['password'] === undefined ? undefined : Buffer.from(data['password'], 'base64').toString();
}

function writes(cluster: FakeKubeCluster): readonly string[] {
  return cluster.requests.filter(({ verb }) => ['create', 'apply', 'patch', 'delete'].includes(verb)).map(({ verb, ref }) => `${verb} ${ref.kind} ${ref.name}`);
}

describe('secrets/restore', () => {
  it('restores from age, SOPS and a command; the first source that holds a name wins', async () => {
    const { cluster, run, bench } = world({
      age: yaml(secret('lattice-secrets/db', 'from age')),
      sops: yaml(secret('lattice-secrets/db', 'from sops'), secret('shop/tls', 'from sops')),
      program: yaml(secret('shop/tls', 'from vault'), secret('lattice-secrets/api', 'from vault')),
    });
    const result = await run([AGE, SOPS, VAULT]);
    expect(result.error).toBeUndefined();
    expect(stepOf(result).outputs).toEqual({ restored: ['lattice-secrets/api', 'lattice-secrets/db', 'shop/tls'] });
    expect(['lattice-secrets/db', 'shop/tls', 'lattice-secrets/api'].map((place) => valueOf(cluster, place))).toEqual(['from age', 'from sops', 'from vault']);
    expect(bench.processes.calls).toContain('vault export');
  });

  it('reads Lists and stringData, makes namespaces that are missing, and writes nothing the second time', async () => {
    const plain = core('Secret', 'fresh/plain', { stringData: { password: 'plain text' } });
    const list = { apiVersion: 'v1', kind: 'List', items: [plain, secret('lattice-secrets/db')] };
    const { cluster, run, bench } = world({ age: JSON.stringify(list) });
    expect((await run([AGE])).state).toBe('succeeded');
    expect(valueOf(cluster, 'fresh/plain')).toBe('plain text');
    expect(cluster.peek({ apiVersion: 'v1', kind: 'Secret', namespace: 'fresh', name: 'plain' })).not.toHaveProperty('stringData');
    const before = writes(cluster).length;
    bench.store.revive();
    expect((await bench.run('secrets/restore', { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, secrets: [AGE] })).state).toBe(
      'succeeded',
    );
    expect(writes(cluster).length).toBe(before);
  });

  it('mends what differs and leaves what the platform added', async () => {
    const { cluster, run } = world({ age: yaml(secret('lattice-secrets/db', 'right'), secret('lattice-secrets/api', 'right')) });
    cluster.put(secret('lattice-secrets/db', 'wrong'));
    cluster.put(secret('lattice-secrets/api', 'right', { metadata: { labels: {} } }));
    expect((await run([AGE])).state).toBe('succeeded');
    expect(valueOf(cluster, 'lattice-secrets/db')).toBe('right');
    expect(cluster.peek({ apiVersion: 'v1', kind: 'Secret', namespace: 'lattice-secrets', name: 'api' })?.metadata.labels).toEqual({
      'lattice.dev/secret-source': 'true',
    });
  });

  it('never restores identities of the old cluster, and says which and why', async () => {
    const forbidden = ['lattice-system/lattice-ca', 'capi-workload/workload-ca', 'lattice-system/lattice-agent-credentials'];
    const { cluster, run, bench } = world({ age: yaml(...forbidden.map((place) => secret(place)), secret('lattice-secrets/db')) });
    const result = await run([AGE]);
    expect(stepOf(result).outputs).toEqual({ restored: ['lattice-secrets/db'] });
    expect(forbidden.map((place) => valueOf(cluster, place))).toEqual([undefined, undefined, undefined]);
    const plan = await bench.plan('secrets/restore', { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, secrets: [AGE] });
    expect(plan.filter(({ verb }) => verb === 'run').map(({ subject }) => subject)).toEqual(forbidden.map((place) => `skip Secret ${place}`));
  });

  it('takes only the namespaces that the source is for', async () => {
    const { run } = world({ age: yaml(secret('lattice-secrets/db'), secret('shop/other')) });
    expect(stepOf(await run([{ ...AGE, namespaces: ['lattice-secrets'] }])).outputs).toEqual({ restored: ['lattice-secrets/db'] });
  });

  it('names every required secret that no source holds, and restores nothing', async () => {
    const { cluster, run } = world({ age: yaml(secret('lattice-secrets/db')) });
    const { error } = await run([{ ...AGE, required: ['lattice-secrets/db', 'lattice-secrets/api', 'shop/key'] }]);
    expect(error).toMatchObject({ code: 'SECRET_SOURCE_MISSING', kind: 'precondition', details: { missing: ['lattice-secrets/api', 'shop/key'] } });
    expect(writes(cluster)).toEqual([]);
  });
});

describe('what a source of secrets may not do', () => {
  it.each([
    ['another kind', yaml(secret('lattice-secrets/db'), core('ConfigMap', 'shop/note', { data: { text: CANARY } }))],
    ['a Secret without a name', JSON.stringify({ kind: 'Secret', metadata: {}, data: { password: CANARY } })],
    ['text that is no manifest', CANARY],
    ['broken YAML', `kind: Secret\nmetadata: {name: a\n${CANARY}`],
  ])('hold %s: refused without showing it', async (_, content) => {
    const { run, bench, cluster } = world({ age: content });
    const { error } = await run([AGE]);
    expect(error).toMatchObject({ code: 'INPUT_INVALID' });
    expect(error?.message).toContain("age file 'originals.age' does not hold only Secret manifests");
    expect(writes(cluster)).toEqual([]);
    expect(await bench.everythingWritten()).not.toContain(CANARY);
  });

  it('leak through a program that fails after it has printed', async () => {
    const { run, bench } = world({ program: { exitCode: 3, output: `password: ${CANARY}` } });
    const { error } = await run([VAULT]);
    expect(error).toMatchObject({ code: 'PROCESS_FAILED' });
    expect(error?.message).toContain('exit code 3');
    expect(JSON.stringify([error?.message, error?.details])).not.toContain(CANARY);
    expect(await bench.everythingWritten()).not.toContain(CANARY);
  });

  it('leak into journal, evidence or events, when all goes well or a write is refused', async () => {
    const { run, bench, cluster } = world({ age: yaml(secret('lattice-secrets/db')) });
    cluster.put(secret('lattice-secrets/db', 'another'));
    expect((await run([AGE])).state).toBe('succeeded');
    expect(bench.evidence()).toEqual([{ secret: 'lattice-secrets/db', keys: 1 }]);
    const written = await bench.everythingWritten();
    for (const form of [CANARY, Buffer.from(CANARY).toString('base64'), IDENTITY]) expect(written).not.toContain(form);
  });

  it('be absent or closed to our identity', async () => {
    expect((await world().run([AGE])).error).toMatchObject({ code: 'SECRET_SOURCE_MISSING' });
    expect((await world().run([SOPS])).error).toMatchObject({ code: 'GIT_FAILED' });
    const locked = world({ age: yaml(secret('lattice-secrets/db')) });
    locked.bench.secretFiles.files.set('dr.txt', 'another identity');
    expect((await locked.run([AGE])).error).toMatchObject({ code: 'SECRET_UNREADABLE' });
  });
});
