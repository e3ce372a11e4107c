import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { type BackupCoverage, backupCoverage, coverageError } from '../../../src/operations/backup-coverage.ts';
import type { LookTools } from '../../../src/operations/look-tools.ts';
import { loadPlan } from '../../../src/operations/prepare-run.ts';
import { coverageView } from '../../../src/report/coverage-view.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { customType } from '../../fakes/fake-kube-types.ts';
import { core, encoded, lattice, objectOf, platformCluster, velero, yaml } from '../steps/objects.ts';
import { StepBench } from '../steps/step-harness.ts';

const FIXTURES = new URL('../../fixtures/backup-setup/', import.meta.url);
const CANARY = 'canary-5d0c77';

function fixture(name: string): string {
  return readFileSync(new URL(name, FIXTURES), 'utf8');
}

function planText(extra = ''): string {
  return `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: workload }
spec:
  cluster: { name: workload, provisioner: existing, existing: { kubeconfig: { file: live.yaml } } }
  specs: { git: { repository: specs.git, ref: main, paths: [own] } }
  objectives: { rto: 40m, rpo: 7d }
${extra}`;
}

interface Given {
  /** Files of the repository; those under `own` are the cluster's. */
  readonly files: Readonly<Record<string, string>>;
  readonly plan?: string;
  readonly cluster?: FakeKubeCluster;
}

async function cover({ files, plan = planText(), cluster }: Given): Promise<BackupCoverage> {
  const bench = new StepBench({ files, clusters: cluster === undefined ? {} : { '/live.yaml': cluster } });
  const tools: LookTools = { ports: bench.ports, clock: bench.clock, tool: '1.0.0', signal: new AbortController().signal };
  const request = { plan: loadPlan({ file: '/plan.yaml', folder: '/', text: plan }), specsOnly: cluster === undefined };
  return await bench.clock.runUntil(backupCoverage(request, tools));
}

/** `severity code object` of each finding. */
function lines({ findings }: BackupCoverage): readonly string[] {
  return findings.map(({ severity, code, object }) => `${severity} ${code} ${object.replace('lattice.dev/', '')}`);
}

const DOCUMENTED = ['s3-store.yaml', 'minio-store.yaml', 'scheduled-backup.yaml', 'control-plane-backup.yaml'];

describe('backup coverage of the documented examples', () => {
  const files = Object.fromEntries(DOCUMENTED.map((name) => [`own/${name}`, fixture(name)]));

  it('finds every hole of the four together, each with its place', async () => {
    const coverage = await cover({ files });
    expect(coverage.findings.map(({ severity, code, at }) => `${severity} ${code} ${at ?? '-'}`)).toEqual([
      'loss credential-unwired own/minio-store.yaml:1',
      'loss endpoint-inside-cluster own/minio-store.yaml:1',
      'loss credential-missing own/s3-store.yaml:1',
      'loss cluster-scoped-omitted own/scheduled-backup.yaml:1',
      'loss secrets-omitted -',
      'note field-ignored own/scheduled-backup.yaml:1',
      'note kinds-not-there own/control-plane-backup.yaml:1',
      'note kinds-not-there own/scheduled-backup.yaml:1',
      'note capi-omitted -',
    ]);
    expect(coverage.schedules).toMatchObject([
      { velero: 'lattice-platform-only', cron: '10 */6 * * *', store: 'offsite', takes: 'all namespaces: 10 kinds, no volumes', stopped: [] },
      { velero: 'lattice-nightly', store: 'offsite', takes: 'billing, search: 14 kinds, no volumes', stopped: [] },
    ]);
    expect(coverageError(coverage)).toMatchObject({ code: 'COVERAGE_INCOMPLETE', kind: 'degraded' });
  });

  it.each([
    ['s3-store.yaml', ['loss credential-missing BackupStore lattice-system/offsite', 'loss no-schedule all of the cluster']],
    [
      'minio-store.yaml',
      [
        'loss credential-unwired BackupStore lattice-system/in-the-rack',
        'loss endpoint-inside-cluster BackupStore lattice-system/in-the-rack',
        'loss no-schedule all of the cluster',
      ],
    ],
    [
      'scheduled-backup.yaml',
      [
        'fault store-not-found LatticeClusterBackup lattice-system/nightly',
        'loss no-schedule all of the cluster',
        'loss cluster-scoped-omitted LatticeClusterBackup lattice-system/nightly',
      ],
    ],
    ['control-plane-backup.yaml', ['fault no-default-store LatticeClusterBackup lattice-system/platform-only', 'loss no-schedule all of the cluster']],
  ])('%s by itself', async (name, expected) => {
    const coverage = await cover({ files: { 'own/one.yaml': fixture(name) } });
    expect(lines(coverage).filter((line) => !line.startsWith('note ') && !line.includes('secrets-omitted'))).toEqual(expected);
  });

  it('says of `daily` and `workloadNamespaces` that nobody reads them, and what to write instead', async () => {
    const text = fixture('scheduled-backup.yaml').replace('    includeNamespaces:', '    workloadNamespaces: true\n    includeNamespaces:');
    const { findings } = await cover({ files: { 'own/a.yaml': fixture('s3-store.yaml'), 'own/b.yaml': text } });
    expect(findings.filter(({ code }) => code === 'field-ignored').map(({ message, consequence, fix }) => [message, consequence, fix])).toEqual([
      ['spec.retention.daily is set and read by nobody', expect.stringContaining('as long as their ttl says'), 'say how long by retention.ttl'],
      [
        'spec.scope.workloadNamespaces is set and read by nobody',
        expect.stringContaining('it selects nothing'),
        'list the namespaces by scope.includeNamespaces',
      ],
    ]);
  });

  it('is content with what the plan has besides', async () => {
    const plan = planText('  secrets: [{ groups: [velero-credentials], from: { command: [secrets] }, required: [velero/velero-credentials-aws-recovery] }]\n');
    const coverage = await cover({ files: { 'own/a.yaml': fixture('s3-store.yaml'), 'own/b.yaml': fixture('control-plane-backup.yaml') }, plan });
    expect(lines(coverage)).toEqual([
      'note kinds-not-there LatticeClusterBackup lattice-system/platform-only',
      'note secrets-omitted Secret',
      'note capi-omitted Cluster API objects',
    ]);
    expect(coverageError(coverage)).toBeUndefined();
  });
});

const STORE = lattice('BackupStore', 'lattice-system/main', {
  spec: { default: true, storage: { provider: 's3', s3: { bucket: 'b', region: 'r' }, cloudProviderRef: 'aws' } },
});
const EVERYTHING = lattice('LatticeClusterBackup', 'lattice-system/all', { spec: { schedule: '0 2 * * *', scope: {} } });

function database(name: string, backup: object = {}, replicas = 1): KubeObject {
  const resources = { data: { type: 'volume', params: { size: '1Gi' } }, scratch: { type: 'volume', id: 'shared' } };
  return lattice('LatticeService', `shop/${name}`, { spec: { replicas, workload: { containers: {}, resources }, backup: backup as never } });
}

const codesOf = ({ findings }: BackupCoverage): readonly string[] =>
  findings.filter(({ severity }) => severity !== 'note').map(({ code, message }) => `${code}: ${message}`);

describe('backup coverage from specs alone', () => {
  it('looks at the volumes of services, what their own schedules bring along, and where else the store is', async () => {
    const specs = [
      STORE,
      database('kept', { schedule: '5 * * * *', storeRef: 'main' }),
      database('mine', { schedule: '5 * * * *', volumes: { defaultPolicy: 'opt-in', include: ['data'] } }),
      database('asleep', { schedule: '5 * * * *', volumes: { defaultPolicy: 'opt-in', include: ['data'] } }, 0),
      database('often', { schedule: '*/10 * * * *' }),
      core('PersistentVolumeClaim', 'shop/by-hand'),
    ];
    const coverage = await cover({ files: { 'own/specs.yaml': yaml(...specs), 'west/specs.yaml': yaml(STORE) } });
    const said = codesOf(coverage);
    expect(said.map((line) => line.slice(0, line.indexOf(':'))).sort()).toEqual(
      ['credential-missing', 'cron-refused', 'secrets-omitted', 'store-elsewhere', 'store-shared', 'volume-at-zero-replicas']
        .concat(Array<string>(3).fill('volume-omitted'))
        .sort(),
    );
    expect(said.filter((line) => line.startsWith('volume-')).map((line) => /claim (\S+)/.exec(line)?.[1])).toEqual(
      expect.arrayContaining(['shop/kept-data', 'shop/asleep-data', 'shop/often-data', 'shop/by-hand']),
    );
    expect(coverage.schedules.find(({ velero: name }) => name === 'lattice-svc-shop-mine')?.volumes).toEqual(['shop/mine-data']);
    expect(coverage.findings.find(({ code }) => code === 'store-shared')?.message).toContain('west/specs.yaml:1');
  });

  it('reads schedules and claim templates of a cluster without the platform', async () => {
    const template = { metadata: { name: 'data' } };
    const set = objectOf('apps/v1', 'StatefulSet', {
      place: 'shop/db',
      rest: { spec: { replicas: 2, volumeClaimTemplates: [template], template: {} } },
    });
    const schedule = velero('Schedule', 'daily', {
      spec: { schedule: '@daily', template: { includedNamespaces: ['*'], defaultVolumesToFsBackup: true, ttl: '720h' } },
    });
    const coverage = await cover({ files: { 'own/a.yaml': yaml(set, schedule) } });
    expect(coverage.schedules).toMatchObject([{ velero: 'daily', takes: 'all namespaces: everything', volumes: ['shop/data-db-0', 'shop/data-db-1'] }]);
    expect(codesOf(coverage)).toEqual([]);
  });

  it('knows of disks that go with the cluster, and that Velero is switched off', async () => {
    const own = lattice('LatticeCluster', 'workload', { spec: { backups: { enabled: false }, provider: { config: { proxmox: {} } } } });
    const coverage = await cover({ files: { 'own/a.yaml': yaml(own, STORE, EVERYTHING, database('db')) } });
    expect(codesOf(coverage)).toEqual(expect.arrayContaining([expect.stringMatching(/^velero-not-installed/)]));
    expect(coverage.schedules[0]?.stopped).toEqual(['Velero is not installed']);
    expect(coverage.findings.find(({ code }) => code === 'volume-omitted')?.consequence).toContain('goes with them');
  });

  it('names what it could not read', async () => {
    const coverage = await cover({ files: { 'own/a.yaml': `${yaml(STORE)}\n---\nkind: {`, 'own/b.yaml': yaml(EVERYTHING) } });
    expect(coverage.unknown).toEqual([expect.stringMatching(/^left out: own\/a\.yaml/)]);
    expect(coverageView(coverage)).toContain('not known: left out: own/a.yaml');
  });
});

describe('backup coverage with the living cluster', () => {
  function living(): FakeKubeCluster {
    const cluster = platformCluster('https://10.0.0.1:6443');
    for (const kind of ['Schedule']) cluster.serve(customType({ apiVersion: 'velero.io/v1', kind, hasStatus: false }));
    for (const kind of ['LatticeJob', 'LatticeQuota']) cluster.serve(customType({ apiVersion: 'lattice.dev/v1alpha1', kind }));
    cluster.put(STORE);
    cluster.put(EVERYTHING);
    cluster.put(database('db'));
    cluster.put(velero('BackupStorageLocation', 'lattice-main', { spec: {}, status: { phase: 'Available' } }));
    cluster.put(velero('Schedule', 'lattice-all', { spec: { schedule: '0 2 * * *' }, status: { phase: 'Enabled' } }));
    cluster.put(core('Secret', 'velero/velero-credentials-aws', encoded({ cloud: CANARY })));
    const spec = {
      template: {
        spec: { containers: [{ name: 'velero', args: ['server', '--features='] }], initContainers: [{ image: 'velero/velero-plugin-for-aws:v1.13.0' }] },
      },
    };
    cluster.put(objectOf('apps/v1', 'Deployment', { place: 'velero/velero', rest: { spec } }));
    cluster.put(core('PersistentVolumeClaim', 'shop/db-data'));
    return cluster;
  }
  const files = { 'own/a.yaml': yaml(STORE, EVERYTHING, database('db')) };

  it('takes the cluster’s word for what exists, and gives away no secret', async () => {
    const coverage = await cover({ files, cluster: living() });
    expect(coverage.server).toBe('https://10.0.0.1:6443');
    expect(codesOf(coverage)).toEqual([expect.stringMatching(/^volume-not-copied: claim shop\/db-data/)]);
    expect(JSON.stringify(coverage) + coverageView(coverage)).not.toContain(CANARY);
  });

  it('sees the pods that mount a volume, snapshot locations, and what Velero complains of', async () => {
    const cluster = living();
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'db-data' } }];
    cluster.put(
      core('Pod', 'shop/db-0', {
        metadata: { annotations: { 'backup.velero.io/backup-volumes': 'logs,data' } },
        spec: { volumes },
        status: { phase: 'Running' },
      }),
    );
    expect(codesOf(await cover({ files, cluster }))).toEqual([]);

    cluster.put(velero('BackupStorageLocation', 'lattice-main', { spec: {}, status: { phase: 'Unavailable', message: 'access denied' } }));
    cluster.put(velero('Schedule', 'lattice-all', { spec: {}, status: { phase: 'FailedValidation', validationErrors: ['bad cron'] } }));
    cluster.put(
      velero('Schedule', 'lattice-svc-shop-gone', {
        spec: { schedule: '0 1 * * *', template: { includedNamespaces: ['shop'] } },
        status: { phase: 'Enabled' },
      }),
    );
    cluster.put(velero('VolumeSnapshotLocation', 'disks', { spec: { provider: 'velero.io/aws' } }));
    const coverage = await cover({ files, cluster });
    expect(coverage.findings.map(({ code }) => code)).toEqual(expect.arrayContaining(['location-not-available', 'schedule-not-made', 'schedule-left-over']));
    expect(coverage.findings.find(({ code }) => code === 'schedule-not-made')?.message).toContain('bad cron');
    expect(coverage.schedules.find(({ velero: name }) => name === 'lattice-svc-shop-gone')?.volumes).toEqual(['shop/db-data']);
  });

  it('reads what the platform says of its own stores and backups: phases, and the names that it has resolved', async () => {
    const cluster = living();
    const second: KubeObject = { ...STORE, metadata: { ...STORE.metadata, name: 'second' } };
    const status = { phase: 'Ready', message: 'BackupStorageLocation applied', observedGeneration: 1 };
    cluster.put({ ...STORE, status: { ...status, veleroBslName: 'kept-since-before' } });
    cluster.put({ ...second, status });
    cluster.put(velero('BackupStorageLocation', 'kept-since-before', { spec: {}, status: { phase: 'Unavailable' } }));
    cluster.put(velero('BackupStorageLocation', 'lattice-second', { spec: {}, status: { phase: 'Available' } }));
    cluster.put({ ...EVERYTHING, status: { phase: 'Active', veleroScheduleName: 'made-before', resolvedStore: 'second', observedGeneration: 1 } });
    cluster.put(velero('Schedule', 'made-before', { spec: { schedule: '0 2 * * *' }, status: { phase: 'Enabled' } }));
    const coverage = await cover({ files, cluster });
    expect(coverage.schedules.find(({ object }) => object.endsWith('/all'))).toMatchObject({ velero: 'made-before', store: 'second', stopped: [] });
    expect(coverage.findings.find(({ code }) => code === 'location-not-available')?.message).toContain('kept-since-before is Unavailable');
    // Of a Schedule that is named as the platform would, and that it does not say is its own any more.
    expect(coverage.findings.find(({ code }) => code === 'schedule-left-over')?.message).toContain('lattice-all');

    cluster.put({ ...EVERYTHING, status: { phase: 'Failed', message: "BackupStore 'main' not found", observedGeneration: 1 } });
    expect((await cover({ files, cluster })).findings.find(({ code }) => code === 'not-applied')?.message).toBe(
      "the platform says Failed: BackupStore 'main' not found",
    );
    cluster.put(velero('Schedule', 'lattice-all', { spec: { schedule: '0 2 * * *', paused: true }, status: { phase: 'Enabled' } }));
    const paused = await cover({ files, cluster });
    expect(paused.schedules.find(({ velero: name }) => name === 'lattice-all')?.stopped).toEqual(['paused']);
  });

  it('counts what only the cluster has', async () => {
    const cluster = living();
    cluster.put(lattice('LatticeClusterBackup', 'lattice-system/all', { spec: { schedule: '0 2 * * *', scope: { controlPlane: true } } }));
    cluster.put(lattice('LatticeJob', 'shop/report', { spec: {} }));
    cluster.put(objectOf('cluster.x-k8s.io/v1beta2', 'Cluster', { place: 'shop/workload' }));
    const coverage = await cover({ files, cluster });
    expect(coverage.findings.filter(({ code }) => code === 'kinds-omitted').map(({ object }) => object)).toEqual(['LatticeJob']);
    expect(coverage.findings.find(({ code }) => code === 'capi-omitted')?.message).toContain('1 of them');
    expect(coverageView(coverage)).toContain('lattice-dr capi export');
  });

  it('goes by the specs when the cluster is dead', async () => {
    const cluster = living();
    cluster.inject({ verbs: ['version'], fault: new DrError({ code: 'KUBE_UNAVAILABLE', message: 'connection refused' }) });
    const coverage = await cover({ files, cluster });
    expect(coverage.server).toBeUndefined();
    expect(coverage.unknown).toEqual(['the plan names no parent', expect.stringContaining('so only its specs were read: connection refused')]);
    expect(codesOf(coverage).map((line) => line.split(':')[0])).toEqual(['credential-missing', 'volume-not-copied']);
  });
});
