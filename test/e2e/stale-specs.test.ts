import { execFile } from 'node:child_process';
import { appendFile, glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isDrError } from '../../src/errors/dr-error.ts';
import { takeBackup } from '../../src/lab/seed/take-backup.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject, ObjectRef } from '../../src/model/kube-object.ts';
import type { DriftResult } from '../../src/operations/drift.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import type { CliEnd } from '../support/cli.ts';
import { kubectlFor } from '../support/kubectl.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';

const run = promisify(execFile);
const SIGNAL = (): AbortSignal => AbortSignal.timeout(300_000);
const MAIN = 'spec.workload.containers.main';
const FLAGS = ['--confirm', 'workload', '--attest', 'fence-writes=the lab has ended every process', '--approve', 'cutover'];

/** What developers changed with kubectl and never committed: service, field, and the value that runs. */
const CHANGED: readonly (readonly [service: string, path: string, value: number | string])[] = [
  ['orders/checkout', 'spec.replicas', 5],
  ['orders/orders', `${MAIN}.variables.NOTE`, 'after the incident'],
  ['orders/cart', `${MAIN}.resources.requests.memory`, '160Mi'],
  ['orders/order-history', `${MAIN}.image`, 'registry.lab.test/shop/order-history:9.9.9'],
];

/** Somebody has upgraded a package's chart by Helm, past the platform: Helm's own record of it (helm v3 `pkg/storage/driver/util.go`), and what is said of it. */
const UPGRADED = { apiVersion: 'v1', kind: 'Secret', namespace: 'insights', name: 'sh.helm.release.v1.grafana.v2' } as const;
const UPGRADE = 'package insights/grafana: git says chart version 10.1.2, and the backup has a release of 10.2.0';

function releaseByHand(): KubeObject {
  const { namespace, name, ...type } = UPGRADED;
  const content = { name: 'grafana', namespace, version: 2, chart: { metadata: { name: 'grafana', version: '10.2.0' } }, config: { replicaCount: 1 } };
  const release = Buffer.from(gzipSync(JSON.stringify(content)).toString('base64')).toString('base64');
  const labels = { owner: 'helm', name: 'grafana', status: 'deployed', version: '2' };
  return { ...type, metadata: { namespace, name, labels }, type: 'helm.sh/release.v1', data: { release } };
}

function serviceRef(place: string): ObjectRef {
  const [namespace = '', name = ''] = place.split('/');
  return { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace, name };
}

/** A merge patch that sets one field. */
function patchOf(path: string, value: number | string): JsonObject {
  return path.split('.').reduceRight<JsonObject | number | string>((inner, key) => ({ [key]: inner }), value) as JsonObject;
}

/** Pods that are being replaced after a change cannot be backed up file by file: such a backup is PartiallyFailed, and the next one is not. */
async function takeWholeBackup(cluster: KubeCluster, attempts = 4): Promise<string> {
  try {
    return await takeBackup(cluster, 'lattice-shop-data', SIGNAL());
  } catch (error) {
    if (attempts <= 1 || !isDrError(error, 'LAB_SERVER_FAILED')) throw error;
    await sleep(5_000);
    return await takeWholeBackup(cluster, attempts - 1);
  }
}

function fieldsOf({ objects }: Pick<DriftResult, 'objects'>): readonly string[] {
  return objects.flatMap(({ key, fields }) => fields.map(({ path }) => `${key.replace('lattice.dev/LatticeService ', '')} ${path}`)).toSorted();
}

function driftOf(end: CliEnd): DriftResult {
  expect(end.code, end.stderr.slice(-2_000)).toBe(12);
  return JSON.parse(end.stdout) as DriftResult;
}

/** The book's scenario (20.8): 15 of 50 services run with specs that nobody committed, and then the cluster is lost. Each test takes up where the one before stopped. */
describe('15 of 50 services are stale in git', { shuffle: false }, () => {
  let world: RebuildWorld;
  let changed: typeof CHANGED;
  let expected: readonly string[];
  let resolution: string;

  /** The four above, and eleven more services that differ in a variable or in memory. */
  async function change(): Promise<void> {
    await using cluster = await world.open();
    const services = (await cluster.list({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService' }, { signal: SIGNAL() })) ?? [];
    const named = new Set(CHANGED.map(([service]) => service));
    const others = services
      .map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`)
      .filter((place) => !named.has(place))
      .toSorted()
      .slice(0, 11);
    changed = [
      ...CHANGED,
      ...others.map(
        (place, index) =>
          (index % 2 === 0
            ? [place, `${MAIN}.variables.NOTE`, `by hand ${index}`]
            : [place, `${MAIN}.resources.requests.memory`, '200Mi']) as (typeof CHANGED)[number],
      ),
    ];
    for (const [place, path, value] of changed)
      await cluster.mergePatch(serviceRef(place), patchOf(path, value), { fieldManager: 'kubectl-edit', signal: SIGNAL() });
    await cluster.create(releaseByHand(), { fieldManager: 'helm', signal: SIGNAL() });
    const sealed = await world.cli('backup', 'seal', await takeWholeBackup(cluster));
    expect(sealed.code, sealed.stderr.slice(-2_000)).toBe(0);
  }

  async function replicasOf(place: string): Promise<unknown> {
    await using cluster = await world.open();
    return (await cluster.get(serviceRef(place), SIGNAL()))?.spec?.['replicas'];
  }

  async function runningPods(name: string): Promise<number> {
    await using cluster = await world.open();
    const pods =
      (await cluster.list({ apiVersion: 'v1', kind: 'Pod' }, { namespace: 'orders', labelSelector: `app.kubernetes.io/name=${name}`, signal: SIGNAL() })) ?? [];
    return pods.filter(({ status }) => status?.['phase'] === 'Running').length;
  }

  const git = async (...args: readonly string[]): Promise<string> =>
    (await run('git', ['-C', world.paths.repository, '-c', 'user.name=Ann', '-c', 'user.email=ann@lab.test', ...args])).stdout;

  beforeAll(async () => {
    world = await RebuildWorld.start('sample');
    resolution = join(world.directory, 'resolution.yaml');
    // What the names answer changes with what is changed here; that they answer is what counts.
    await world.editPlan((spec) => {
      for (const probe of spec.health) delete probe.expect.bodyDigest;
      spec.guard = {
        writers: { users: ['gitops'] },
        platform: {
          users: ['lattice-operator', 'velero', 'system:serviceaccount:velero:velero-server', 'lab-node', 'system:kube-controller-manager'],
          groups: [],
        },
        recovery: { users: ['lattice-admin'] },
      };
    });
    await change();
    expected = changed.map(([place, path]) => `${place} ${path}`).toSorted();
    expect(expected).toHaveLength(15);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('while the cluster lives, drift names exactly these fields with all three values, and the server takes a condition on each object', async () => {
    const result = driftOf(await world.cli('drift', '--write-conditions'));
    expect(result.sides).toEqual(['git', 'backup', 'live']);
    // In git since the beginning, and never provisioned.
    expect(fieldsOf(result)).toEqual([...expected, 'lattice.dev/LatticeCluster child-eu '].toSorted());
    expect(result.findings).toContain(UPGRADE);
    const checkout = result.objects.find(({ key }) => key.endsWith('orders/checkout'));
    expect(checkout?.fields[0]).toMatchObject({ path: 'spec.replicas', risk: 'replicas', values: { git: 2, backup: 5, live: 5 } });
    // Counted by what the server answered to each write: the operator puts its own list in the place of any other as soon as it looks again.
    expect(result.conditions).toMatchObject({ differing: 15 });
  });

  it('with the cluster dead, git against the backup says the same, and a resolution is written for a person to read', async () => {
    await world.destroy();
    const result = driftOf(await world.cli('drift', '--write-resolution', resolution));
    expect(result.sides).toEqual(['git', 'backup']);
    expect(fieldsOf(result)).toEqual(expected);
    expect(
      result.draft.objects
        .flatMap(({ fields }) => fields)
        .map(({ risk, take }) => `${risk} ${take}`)
        .filter((text) => text.endsWith('git')),
    ).toEqual(['image git']);
    expect(await readFile(resolution, 'utf8')).toContain('take: git | backup | live | value');
  });

  it('a rebuild stops before anything is destroyed and names exactly these fields; approved, checkout comes up with 2 replicas', async () => {
    const waiting = await world.cli('rebuild', ...FLAGS);
    expect(waiting.code, waiting.stderr.slice(-2_000)).toBe(10);
    const stopped = JSON.parse(waiting.stdout) as {
      readonly step: string;
      readonly steps: readonly {
        readonly id: string;
        readonly outputs?: { readonly shown: readonly { readonly object: string; readonly path: string }[]; readonly findings: readonly string[] };
      }[];
    };
    expect(stopped.step).toBe('integrity-accept');
    const shown = stopped.steps.find(({ id }) => id === 'integrity')?.outputs?.shown ?? [];
    expect(shown.map(({ object, path }) => `${object.replace('lattice.dev/LatticeService ', '')} ${path}`).toSorted()).toEqual(expected);
    expect(stopped.steps.find(({ id }) => id === 'integrity')?.outputs?.findings).toContain(UPGRADE);
    const ended = await world.cli('resume', ...FLAGS, '--approve', 'integrity-accept');
    expect(ended.code, ended.stderr.slice(-2_000)).toBe(0);
    expect(await replicasOf('orders/checkout')).toBe(2);
    // The chart is installed again as git says; Helm's record of another is not brought back.
    await using cluster = await world.open();
    expect(await cluster.get(UPGRADED, SIGNAL())).toBeUndefined();
    const packageRef = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticePackage', namespace: UPGRADED.namespace, name: 'grafana' };
    expect((await cluster.get(packageRef, SIGNAL()))?.status).toMatchObject({ phase: 'Ready', chartVersion: '10.1.2' });
  });

  it('by the resolution checkout comes up with 5, the image stays git’s, and a guard that came from git stands in nobody’s way', async () => {
    const guard = await world.start(['guard', 'render', '--mode', 'deny']).ended;
    const objects = JSON.parse(guard.stdout) as readonly KubeObject[];
    await appendFile(join(world.paths.repository, 'clusters', 'workload', 'spec-guard.yaml'), objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'the guard');
    await world.destroy();
    const ended = await world.cli('rebuild', '--resolution', resolution, ...FLAGS);
    expect(ended.code, ended.stderr.slice(-2_000)).toBe(0);
    // Evidence of the run: what a person commits afterwards, against the very commit that was applied.
    const kept = await Array.fromAsync(glob('**/files/integrity/resolution-*.patch', { cwd: world.paths.runs }));
    expect(kept).toHaveLength(1);
    const patch = join(world.paths.runs, kept[0] ?? '');
    expect(await readFile(patch, 'utf8')).toMatch(/^\+ +replicas: 5$/m);
    await git('apply', '--check', patch);
    expect(await replicasOf('orders/checkout')).toBe(5);
    expect(await runningPods('checkout')).toBe(5);
    await using cluster = await world.open();
    const history = await cluster.get(serviceRef('orders/order-history'), SIGNAL());
    expect(JSON.stringify(history?.spec)).not.toContain('9.9.9');
    const kubectl = await kubectlFor((await world.instance()).kubeconfigs.admin, world.directory);
    const scale = async (user: string, replicas: number) =>
      await kubectl(
        'patch',
        'latticeservice',
        'checkout',
        '-n',
        'orders',
        '--type=merge',
        '-p',
        `{"spec":{"replicas":${replicas}}}`,
        `--as=${user}`,
        '--as-group=system:masters',
      );
    expect(await scale('dev', 1)).toMatchObject({ code: 1, stderr: expect.stringContaining('specs are written from git only') });
    expect(await scale('gitops', 5)).toMatchObject({ code: 0 });
  });

  it('the patch that was kept applies to git, and then git says what runs', async () => {
    const patch = join(world.directory, 'specs.patch');
    await world.cli('drift', '--without', 'live', '--resolution', resolution, '--write-patch', patch);
    await git('apply', '--check', patch);
    await git('apply', patch);
    await git('commit', '--quiet', '--all', '--message', 'what ran');
    const after = driftOf(await world.cli('drift', '--without', 'live'));
    expect(fieldsOf(after)).toEqual(expected.filter((field) => field.endsWith('.image')));
    expect((await readFile(patch, 'utf8')).match(/^\+ +replicas: 5$/m)).not.toBeNull();
  });
});
