import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { RunResult } from '../../../src/engine/run-options.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import type { CompareOutputs } from '../../../src/steps/integrity/schema.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { currentCrds } from '../specs/seed-files.ts';
import { core, encoded, lattice, PLAN_CLUSTER, PLAN_SPECS, platformCluster, TARGET, yaml } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';
import { bucketWith, tarballWith } from './velero-bucket.ts';

const NAME = 'lattice-daily-20260301020000';
const POINT = { store: 'main', name: NAME, completedAt: '2026-03-01T02:00:00Z' };
const TARBALL = `lattice-main/backups/${NAME}/${NAME}.tar.gz`;
const CHECKOUT = 'lattice.dev/LatticeService shop/checkout';
const IMAGE = 'spec.workload.containers.main.image';

function checkout(replicas: number, image = 'app:1'): KubeObject {
  return lattice('LatticeService', 'shop/checkout', { spec: { replicas, workload: { containers: { main: { image } } } } });
}

/** What a package of the platform says, and what Helm keeps of it (helm v3 `pkg/storage/driver/util.go`). */
function redis(version: string): KubeObject {
  const chart = { repository: 'oci://registry.invalid/charts', name: 'redis', version };
  return lattice('LatticePackage', 'shop/redis', { spec: { chart, targetNamespace: 'shop', values: { replicas: 3 } } });
}

function releaseOf(version: string, config: JsonObject): KubeObject {
  const release = { name: 'redis', namespace: 'shop', version: 2, chart: { metadata: { name: 'redis', version } }, config };
  const packed = gzipSync(JSON.stringify(release)).toString('base64');
  return core('Secret', 'shop/sh.helm.release.v1.redis.v2', { ...encoded({ release: packed }), type: 'helm.sh/release.v1' });
}

function parentWith(...objects: readonly KubeObject[]): FakeKubeCluster {
  const parent = platformCluster('https://parent.invalid:6443');
  for (const object of [...currentCrds().values(), ...objects]) parent.put(object);
  return parent;
}

interface Parts {
  readonly git?: KubeObject;
  readonly backup?: readonly KubeObject[];
  readonly parent?: FakeKubeCluster;
  readonly live?: FakeKubeCluster;
  readonly input?: JsonObject;
}

interface World extends CrashCase {
  run(input?: JsonObject): Promise<RunResult>;
  readonly bucket: ReturnType<typeof bucketWith>;
}

function world({ git = checkout(2), backup, parent = parentWith(), live, input = {} }: Parts = {}): World {
  const bucket = bucketWith({ name: NAME, ...(backup === undefined ? {} : { objects: backup }) });
  const clusters = { 'parent.yaml': parent, ...(live === undefined ? {} : { 'old.yaml': live }) };
  const bench = new StepBench({ clusters, buckets: [bucket], files: { 'specs.yaml': stringify(git) } });
  const base = { cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, backups: [{ store: 'main', bucket: 'backups' }] };
  const points = backup === undefined ? {} : { recoveryPoints: [POINT] };
  // Unpacking needs real time.
  const options = { time: 'stands' } as const;
  return {
    bench,
    bucket,
    run: async (more = {}) => await bench.run('integrity/compare', { ...base, ...points, ...input, ...more }, options),
    resume: async () => await bench.resume(options),
  };
}

function outputsOf(result: RunResult): CompareOutputs {
  expect(result.error).toBeUndefined();
  return stepOf(result).outputs as unknown as CompareOutputs;
}

const RESOLUTION = {
  cluster: 'workload',
  commit: 'abc',
  sides: ['git', 'backup'],
  objects: [
    {
      object: CHECKOUT,
      fields: [
        { path: 'spec.replicas', git: 2, backup: 5, take: 'backup', reason: 'scaled after the incident' },
        { path: IMAGE, git: 'app:1', backup: 'app:2', take: 'git', reason: 'git is right' },
      ],
    },
  ],
};

describe('integrity/compare', () => {
  it('names exactly the fields that differ, and asks for an approval where a dangerous one does', async () => {
    const outputs = outputsOf(await world({ backup: [checkout(5, 'app:2')] }).run());
    expect(outputs).toMatchObject({
      sides: ['git', 'backup'],
      compared: 1,
      differences: 2,
      blocking: 1,
      warnings: 1,
      needsApproval: true,
      edits: [],
      patch: '',
    });
    expect(outputs.shown).toEqual([
      { object: CHECKOUT, path: IMAGE, risk: 'image', values: 'git "app:1", backup "app:2"' },
      { object: CHECKOUT, path: 'spec.replicas', risk: 'replicas', values: 'git 2, backup 5' },
    ]);
    expect(outputs.findings).toContain('the old cluster is not compared: there is no kubeconfig of it');
  });

  it('finds nothing where the backup says what git says, with the defaults of the parent’s schema', async () => {
    const served = lattice('LatticeService', 'shop/checkout', {
      spec: { replicas: 1, workload: { containers: { main: { image: 'app:1' } } }, imagePullSecrets: [] },
      status: { phase: 'Ready' },
    });
    const git = lattice('LatticeService', 'shop/checkout', { spec: { workload: { containers: { main: { image: 'app:1' } } } } });
    expect(outputsOf(await world({ git, backup: [served] }).run())).toMatchObject({ differences: 0, needsApproval: false, shown: [] });
  });

  it('goes by the plan’s thresholds', async () => {
    const parts = { backup: [checkout(5)] };
    expect(outputsOf(await world(parts).run())).toMatchObject({ blocking: 0, warnings: 1, needsApproval: false });
    expect(outputsOf(await world({ ...parts, input: { thresholds: { block: ['replicas'] } } }).run())).toMatchObject({ blocking: 1, needsApproval: true });
    expect(outputsOf(await world({ ...parts, input: { thresholds: { maxWarnings: 0 } } }).run())).toMatchObject({ blocking: 0, needsApproval: true });
  });

  it('makes edits and a patch of a resolution, and asks for nothing more', async () => {
    const outputs = outputsOf(await world({ backup: [checkout(5, 'app:2')] }).run({ resolution: RESOLUTION }));
    expect(outputs).toMatchObject({ blocking: 0, warnings: 0, needsApproval: false });
    expect(outputs.edits).toEqual([{ object: CHECKOUT, path: 'spec.replicas', to: 5, take: 'backup', risk: 'replicas', reason: 'scaled after the incident' }]);
    expect(outputs.byHand).toEqual([]);
    expect(outputs.patch).toContain('--- a/specs.yaml\n+++ b/specs.yaml\n');
    expect(outputs.patch).toContain('-  replicas: 2\n+  replicas: 5\n');
  });

  it('asks for an approval of its own where a resolution takes an image from the backup', async () => {
    const [object] = RESOLUTION.objects;
    const risky = { ...RESOLUTION, objects: [{ object: CHECKOUT, fields: (object?.fields ?? []).map((field) => ({ ...field, take: 'backup' })) }] };
    const outputs = outputsOf(await world({ backup: [checkout(5, 'app:2')] }).run({ resolution: risky }));
    expect(outputs).toMatchObject({
      blocking: 0,
      needsApproval: true,
      shown: [{ object: CHECKOUT, path: IMAGE, risk: 'image', values: 'taken from backup: "app:2"' }],
    });
  });

  it('refuses a resolution that was decided on other values, before anything is destroyed', async () => {
    const { error } = await world({ backup: [checkout(6, 'app:2')] }).run({ resolution: RESOLUTION });
    expect(error).toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining('backup said 5 when this was decided, and says 6 now') });
  });

  it('compares three ways while the old cluster answers, and never with one that this run has made', async () => {
    const live = platformCluster('https://old.invalid:6443');
    for (const object of [core('Namespace', 'kube-system', { metadata: { uid: 'old' } }), checkout(7)]) live.put(object);
    const backup = [checkout(5)];
    const input = { salvage: { kubeconfig: { file: 'old.yaml' } } };
    const outputs = outputsOf(await world({ backup, live, input }).run());
    expect(outputs.sides).toEqual(['git', 'backup', 'live']);
    expect(outputs.shown.map(({ values }) => values)).toEqual(['git 2, backup 5, live 7']);
    const parent = parentWith();
    const late = world({ backup, live, input, parent });
    const isMade = async (): Promise<void> => {
      const annotations = { 'dr.lattice.dev/run': await late.bench.runId() };
      parent.put(lattice('LatticeCluster', 'workload', { metadata: { annotations } }));
    };
    parent.inject({ verbs: ['get'], match: ({ kind }) => kind === 'LatticeCluster', times: 1, fault: isMade });
    expect(outputsOf(await late.run())).toMatchObject({
      sides: ['git', 'backup'],
      findings: expect.arrayContaining(['this run has replaced the old cluster already']),
    });
  });

  it('takes a backup that cannot be read for something a person has to know', async () => {
    const { bucket, run } = world({ backup: [checkout(2)] });
    bucket.cutAfter.set(TARBALL, 40);
    const outputs = outputsOf(await run());
    expect(outputs).toMatchObject({ sides: ['git'], blocking: 1, needsApproval: true });
    expect(outputs.findings[0]).toBe(`backup ${NAME} was not compared with git`);
  });

  it('reads the version of a backup that was listed, though another is written over it meanwhile', async () => {
    const { bucket, run } = world({ backup: [checkout(5)] });
    bucket.versioned = true;
    bucket.put(TARBALL, tarballWith([checkout(5)]));
    bucket.meanwhile.set(TARBALL, () => bucket.put(TARBALL, tarballWith([checkout(2)])));
    expect(outputsOf(await run()).shown.map(({ values }) => values)).toEqual(['git 2, backup 5']);
  });

  it('does not take what is written meanwhile for the backup where the bucket keeps no versions', async () => {
    const { bucket, run } = world({ backup: [checkout(5)] });
    bucket.meanwhile.set(TARBALL, () => bucket.put(TARBALL, tarballWith([checkout(2)])));
    const outputs = outputsOf(await run());
    expect(outputs).toMatchObject({ sides: ['git'], needsApproval: true });
    expect(outputs.findings).toContain(`the backup could not be compared: ${TARBALL} is another now`);
  });

  it('is frozen: a resume goes by what was kept, whatever has become of the bucket', async () => {
    const { bench, bucket, run, resume } = world({ backup: [checkout(5)] });
    const first = outputsOf(await run());
    bucket.fault = new DrError({ code: 'S3_UNAVAILABLE', message: 'gone' });
    bench.store.revive();
    const again = await resume();
    expect(stepOf(again).outputs ?? first).toEqual(first);
  });

  it('never shows what a Secret holds', async () => {
    const git = core('Secret', 'shop/db', encoded({ password: 'hunter2' }));
    const { bench, run } = world({ git, backup: [core('Secret', 'shop/db', encoded({ password: 'other-word' }))] });
    expect(outputsOf(await run()).differences).toBe(1);
    expect(await bench.everythingWritten()).not.toMatch(/hunter2|other-word|aHVudGVyMg|b3RoZXItd29yZA/);
  });

  it('comes to the same end after a kill anywhere', async () => {
    await crashEverywhere(
      () => world({ backup: [checkout(5, 'app:2')] }),
      (_world, result, where) => {
        expect(result.error, where).toBeUndefined();
        expect(stepOf(result).outputs, where).toMatchObject({ blocking: 1, warnings: 1 });
      },
    );
  });
});

describe('integrity/accept', () => {
  it('shows what differs, bound to the digest of the whole comparison', async () => {
    const outputs = outputsOf(await world({ backup: [checkout(5, 'app:2')] }).run());
    const { shown, notShown, digest, findings } = outputs;
    const { bench } = world();
    const changes = await bench.plan('integrity/accept', { commit: 'a'.repeat(40), shown, notShown, digest, findings });
    expect(changes[0]).toMatchObject({ note: `comparison ${digest}` });
    expect(changes.slice(1, 3).map(({ subject, note }) => `${subject} ${note ?? ''}`)).toEqual([
      `${CHECKOUT} ${IMAGE} image: git "app:1", backup "app:2"`,
      `${CHECKOUT} spec.replicas replicas: git 2, backup 5`,
    ]);
  });
});

describe('packages', () => {
  it('what Helm had installed is read from the tarball and shown at the gate, without a value of it, and is never put on the new cluster', async () => {
    const release = releaseOf('19.0.0', { replicas: 3, password: 'hunter2' });
    const outputs = outputsOf(await world({ git: redis('20.1.0'), backup: [redis('19.0.0'), release] }).run());
    expect(outputs).toMatchObject({ needsApproval: true, shown: [{ object: 'lattice.dev/LatticePackage shop/redis', path: 'spec.chart.version' }] });
    const { shown, notShown, digest, findings } = outputs;
    const { bench } = world();
    const asked = (await bench.plan('integrity/accept', { commit: 'a'.repeat(40), shown, notShown, digest, findings })).map(({ subject }) => subject);
    expect(asked).toEqual(
      expect.arrayContaining([
        'package shop/redis: git says chart version 20.1.0, and the backup has a release of 19.0.0',
        'package shop/redis: values differ from its release in the backup: password',
      ]),
    );
    expect(JSON.stringify([outputs, asked])).not.toContain('hunter2');

    const cluster = platformCluster();
    const target = new StepBench({ clusters: { 'new.yaml': cluster }, files: { 'specs.yaml': yaml(checkout(2), release) } });
    const applied = await target.run('specs/apply', { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: target.commit });
    expect(stepOf(applied).outputs?.['skipped']).toEqual([expect.stringMatching(/sh\.helm\.release\.v1\.redis\.v2.*the chart is installed again/)]);
    expect(cluster.requests.filter(({ ref }) => ref.kind === 'Secret')).toEqual([]);
  });
});

describe('the steps after it', () => {
  it('apply what was decided: 5 replicas by the resolution, 2 without', async () => {
    const edits = [{ object: CHECKOUT, path: 'spec.replicas', to: 5, take: 'backup', risk: 'replicas', reason: 'it ran so' }];
    for (const [more, replicas] of [
      [{}, 2],
      [{ edits }, 5],
    ] as const) {
      const cluster = platformCluster();
      const bench = new StepBench({ clusters: { 'new.yaml': cluster }, files: { 'specs.yaml': yaml(checkout(2)) } });
      const input = { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, ...more };
      expect((await bench.run('specs/apply', input)).error).toBeUndefined();
      expect(cluster.peek({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace: 'shop', name: 'checkout' })?.spec?.['replicas']).toBe(
        replicas,
      );
    }
  });
});
