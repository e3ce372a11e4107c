import { describe, expect, it } from 'vitest';
import type { BackupSetup, BackupSurroundings } from '../../../src/model/backup-setup.ts';
import { covered, found, schedule, serviceSchedule, store, volume } from './coverage-setup.ts';

type Given = Partial<Omit<BackupSetup, 'around'>> & { readonly around?: Partial<BackupSurroundings> };
type Row = [string, Given, readonly string[]];

const READY = { phase: 'Ready', message: '', isCurrent: true };
const NO_SNAPSHOTS = { snapshotLocations: [] };
const KINDS = { template: { includedResources: ['latticeservices.lattice.dev'] }, scope: { controlPlane: true, gpuPaasResources: false } };

describe('coverage of a setup', () => {
  it('finds nothing where all is saved', () => {
    const coverage = covered();
    expect(found(coverage)).toEqual([]);
    expect(coverage.volumes).toEqual({ total: 1, saved: 1 });
    expect(coverage.schedules).toEqual([
      {
        object: 'lattice.dev/LatticeClusterBackup lattice-system/all',
        velero: 'lattice-all',
        cron: '0 2 * * *',
        store: 'main',
        takes: 'all namespaces: everything',
        volumes: ['shop/db-data'],
        stopped: [],
      },
    ]);
  });

  it.each<Row>([
    ['two default stores', { stores: [store(), store({ name: 'second', bucket: 'other' })] }, ['fault two-default-stores lattice-system/second']],
    [
      'no default store for a schedule that names none',
      { stores: [store({ isDefault: false })] },
      ['fault no-default-store lattice-system/all', 'loss volume-omitted shop/db', 'loss no-schedule cluster', 'note secrets-omitted Secret'],
    ],
    ['no default store where every schedule names its own', { stores: [store({ isDefault: false })], schedules: [schedule({ storeRef: 'main' })] }, []],
    ['a default store in another namespace', { stores: [store(), store({ name: 'apart', namespace: 'shop' })] }, ['note default-store-elsewhere shop/apart']],
    [
      'a store that is looked for in the namespace of what names it, and is elsewhere',
      { schedules: [schedule(), schedule({ name: 'mine', namespace: 'shop', storeRef: 'main' })] },
      ['fault store-elsewhere shop/mine'],
    ],
    ['a store that is nowhere', { schedules: [schedule(), schedule({ name: 'b', storeRef: 'gone' })] }, ['fault store-not-found lattice-system/b']],
    ['no bucket', { stores: [{ ...store(), bucket: undefined } as never] }, ['fault place-missing lattice-system/main']],
    ['no region on AWS', { stores: [{ ...store(), region: undefined } as never] }, ['fault region-missing lattice-system/main']],
    ['no endpoint off AWS', { stores: [store({ provider: 's3Compatible' })] }, ['fault endpoint-missing lattice-system/main']],
    ['two stores of one name', { stores: [store(), store({ namespace: 'shop', isDefault: false, bucket: 'other' })] }, ['fault location-clash shop/main']],
    ['a Secret that nobody makes', { around: { secrets: [] } }, ['loss credential-missing lattice-system/main']],
    [
      'credentials that nobody hands on',
      { stores: [store({ cloudProviderRef: undefined as never, credentials: { field: 'credentials', name: 'keys' } })] },
      ['loss credential-unwired lattice-system/main'],
    ],
    ['the identity of the cloud', { stores: [store({ cloudProviderRef: undefined as never })] }, ['note credential-none lattice-system/main']],
    [
      'no identity outside of a cloud',
      { stores: [store({ cloudProviderRef: undefined as never, provider: 's3Compatible', endpoint: 'https://s3.example.com' })] },
      ['loss credential-none lattice-system/main'],
    ],
    ...[
      'http://minio.minio-system.svc:9000',
      'http://minio:9000',
      'http://s3.default.svc.cluster.local',
      'http://127.0.0.1:9000',
      'https://S3.shop.example.com',
    ].map((endpoint): [string, Given, readonly string[]] => [
      `an endpoint within the cluster: ${endpoint}`,
      { stores: [store({ endpoint })], around: { ownHosts: ['s3.shop.example.com'] } },
      ['loss endpoint-inside-cluster lattice-system/main'],
    ]),
    ['an endpoint outside', { stores: [store({ endpoint: 'https://10.1.2.3:9000' })] }, []],
    [
      'a provider without its plugin',
      { stores: [store({ provider: 'gcs' })] },
      ['loss plugin-missing lattice-system/main', 'loss volume-omitted shop/db', 'loss no-schedule cluster', 'note secrets-omitted Secret'],
    ],
    ['a provider with its plugin', { stores: [store({ provider: 'azure' })], around: { plugins: ['azure'] } }, []],
    [
      'fields of a store that nobody reads',
      { stores: [store({ forcePathStyle: true }), store({ name: 'b', isDefault: false, forcePathStyle: false, endpoint: 'https://s3.example.com' })] },
      ['note field-ignored lattice-system/main', 'note field-ignored lattice-system/b'],
    ],
    [
      'a location that Velero cannot reach',
      { stores: [store({ location: { name: 'lattice-main', phase: 'Unavailable', message: 'no such host', accessMode: 'ReadWrite' } })] },
      ['loss location-not-available lattice-system/main'],
    ],
    ...['Pending', 'Failed'].map(
      (phase): Row => [
        `a store that is ${phase}`,
        { stores: [store({ status: { phase, message: 'Velero not installed', isCurrent: true } })] },
        ['loss not-applied lattice-system/main'],
      ],
    ),
    ['a store that is Ready', { stores: [store({ status: READY })] }, []],
    ['a store that is Ready of what it was before', { stores: [store({ status: { ...READY, isCurrent: false } })] }, ['loss not-applied lattice-system/main']],
    ...['Pending', 'Failed'].map(
      (phase): Row => [
        `a schedule that is ${phase}`,
        { schedules: [schedule({ status: { phase, message: '', isCurrent: true } })] },
        ['loss not-applied lattice-system/all'],
      ],
    ),
    ...['Active', 'Paused'].map(
      (phase): Row => [
        `a schedule that is ${phase}, to the store that its spec means`,
        { schedules: [schedule({ status: { ...READY, phase }, resolvedStore: 'main' })] },
        [],
      ],
    ),
    [
      'a schedule that the platform sends to another store than its spec means',
      {
        stores: [store(), store({ name: 'old', isDefault: false, bucket: 'old' })],
        schedules: [schedule({ status: { ...READY, phase: 'Active' }, resolvedStore: 'old' })],
      },
      ['loss store-differs lattice-system/all'],
    ],
    [
      'what a schedule that has failed was resolved to before',
      {
        stores: [store(), store({ name: 'old', isDefault: false, bucket: 'old' })],
        schedules: [schedule({ status: { ...READY, phase: 'Failed' }, resolvedStore: 'old' })],
      },
      ['loss not-applied lattice-system/all'],
    ],
    [
      'a Velero Schedule that somebody has paused beside its spec',
      { schedules: [schedule({ observed: { phase: 'Enabled', message: '', isPaused: true } })] },
      ['loss paused lattice-system/all', 'loss volume-omitted shop/db', 'loss no-schedule cluster', 'note secrets-omitted Secret'],
    ],
    [
      'another cluster in the same place',
      { around: { otherStores: [store({ at: 'clusters/west/store.yaml:1' })] } },
      ['loss store-shared lattice-system/main'],
    ],
    ['another cluster in another bucket', { around: { otherStores: [store({ bucket: 'west' })] } }, []],
    [
      'two schedules of one name',
      {
        schedules: [schedule(), schedule({ namespace: 'shop', storeRef: 'main' })],
        stores: [store(), store({ namespace: 'shop', isDefault: false, name: 'x' })],
      },
      ['fault store-elsewhere shop/all', 'fault schedule-clash shop/all'],
    ],
    [
      'a schedule that is paused',
      { schedules: [schedule({ isPaused: true })] },
      ['loss paused lattice-system/all', 'loss volume-omitted shop/db', 'loss no-schedule cluster', 'note secrets-omitted Secret'],
    ],
    [
      'a ttl with days',
      { schedules: [schedule({ ttl: '30d' })] },
      ['loss ttl-form lattice-system/all', 'loss volume-omitted shop/db', 'loss no-schedule cluster', 'note secrets-omitted Secret'],
    ],
    ['a ttl that one failure outlives', { schedules: [schedule({ ttl: '36h' })] }, ['loss ttl-too-short lattice-system/all']],
    ['a ttl in Go’s form', { schedules: [schedule({ ttl: '720h0m0s' })] }, []],
    [
      'a schedule that Velero complains of',
      { schedules: [schedule({ observed: { phase: 'FailedValidation', message: 'invalid schedule', isPaused: false } })] },
      ['loss schedule-not-made lattice-system/all', 'loss volume-omitted shop/db', 'loss no-schedule cluster', 'note secrets-omitted Secret'],
    ],
    [
      'a schedule that nothing asks for any more',
      {
        schedules: [
          schedule(),
          { ...schedule({ kind: 'velero', name: 'lattice-svc-shop-old', velero: 'lattice-svc-shop-old', namespace: 'velero' }), at: undefined } as never,
        ],
      },
      ['note schedule-left-over velero/lattice-svc-shop-old'],
    ],
    ['fields of a schedule that nobody reads', { schedules: [schedule({ ignored: ['spec.retention.daily'] })] }, ['note field-ignored lattice-system/all']],
    ['no Velero', { around: { veleroEnabled: false } }, ['loss volume-omitted shop/db', 'loss velero-not-installed cluster', 'note secrets-omitted Secret']],
    ['no schedule at all', { schedules: [], volumes: [] }, ['loss no-schedule cluster', 'note secrets-omitted Secret']],
    ['an objective that the schedule cannot keep', { around: { rpoMs: 3_600_000 } }, ['loss rpo-not-kept shop/db']],
    ['a list of kinds', { schedules: [schedule(KINDS)] }, ['loss volume-omitted shop/db', 'note secrets-omitted Secret']],
    [
      'a list of kinds beside a list of namespaces',
      { schedules: [schedule(), schedule({ ...KINDS, name: 'some', template: { ...KINDS.template, includedNamespaces: ['shop'] } })] },
      ['loss cluster-scoped-omitted lattice-system/some'],
    ],
    [
      'kinds that no schedule takes',
      {
        schedules: [schedule(), schedule({ name: 'b' })].map((one) => ({ ...one, ...KINDS })),
        volumes: [],
        objects: [{ resource: 'latticejobs.lattice.dev', kind: 'LatticeJob', namespace: 'shop', count: 2 }],
      },
      ['note kinds-omitted LatticeJob', 'note secrets-omitted Secret'],
    ],
    ['secrets without any source', { schedules: [schedule(KINDS)], volumes: [], around: { secretSources: 0 } }, ['loss secrets-omitted Secret']],
    [
      'a volume in no namespace of a schedule',
      { schedules: [schedule({ template: { includedNamespaces: ['lattice-secrets'] } })] },
      ['loss volume-omitted shop/db'],
    ],
    ['a volume that nothing copies', { around: NO_SNAPSHOTS }, ['loss volume-not-copied shop/db']],
    ['a volume of which the files are asked for', { around: NO_SNAPSHOTS, volumes: [volume({ isOptedIn: true })] }, []],
    ['a server that copies all files', { around: { ...NO_SNAPSHOTS, fsBackupByDefault: true } }, []],
    [
      'files of a volume that no pod mounts',
      { around: NO_SNAPSHOTS, volumes: [volume({ isOptedIn: true, replicas: 0 })] },
      ['loss volume-at-zero-replicas shop/db'],
    ],
    ['a snapshot of a volume that no pod mounts', { volumes: [volume({ replicas: 0 })] }, []],
    [
      'a service at zero replicas, saved by its own schedule',
      { schedules: [schedule({ template: { excludedNamespaces: ['shop'] } }), serviceSchedule('shop/db')], volumes: [volume({ replicas: 0 })] },
      ['loss volume-at-zero-replicas shop/db'],
    ],
    [
      'a service, saved by its own schedule',
      { schedules: [schedule({ template: { excludedNamespaces: ['shop'] } }), serviceSchedule('shop/db', { cron: '7 * * * *' })] },
      [],
    ],
    [
      'a service, saved by the schedule of another',
      { schedules: [schedule({ template: { excludedNamespaces: ['shop'] } }), serviceSchedule('shop/web')] },
      ['loss volume-omitted shop/db'],
    ],
  ])('%s', (_, given, expected) => {
    expect(found(covered(given))).toEqual(expected);
  });

  it('says what every finding means and what to do about it', () => {
    const { findings } = covered({ stores: [], around: { secrets: [], secretSources: 0, rpoMs: 1, snapshotLocations: [] } });
    expect(findings.length).toBeGreaterThan(3);
    for (const finding of findings) expect([finding.message, finding.consequence, finding.fix].every((text) => text.length > 10)).toBe(true);
  });

  it.each([
    ['0 2 * * *', true, true],
    ['*/15 * * * *', true, false],
    ['5,35 * * * *', true, false],
    ['0-5 3 * * *', true, false],
    ['* * * * *', true, false],
    ['7 */2 * * mon-fri', true, true],
    ['0 0 1 jan ?', true, true],
    ['CRON_TZ=Europe/Berlin 0 2 * * *', true, false],
    ['@daily', true, false],
    ['@every 2h', true, false],
    ['@every 1d', false, false],
    ['@often', false, false],
    ['0 2 * *', false, false],
    ['0 0 2 * * *', false, false],
    ['60 2 * * *', false, false],
    ['0 24 * * *', false, false],
    ['0 2 * * 7', false, false],
    ['0 2 31-1 * *', false, false],
    ['0 2 */0 * *', false, false],
    ['tonight', false, false],
    ['', false, false],
  ])('cron %j: Velero takes it %s, the platform takes it for a service %s', (cron, velero, platform) => {
    const refusedFor = (setup: readonly ReturnType<typeof schedule>[]): boolean =>
      covered({ schedules: setup, volumes: [] }).findings.some(({ code }) => code === 'cron-refused');
    expect(refusedFor([schedule({ cron })])).toBe(!velero);
    expect(refusedFor([serviceSchedule('shop/db', { cron })])).toBe(!(velero && platform));
  });
});
