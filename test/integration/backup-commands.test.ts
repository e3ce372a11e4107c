import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, PutObjectRetentionCommand } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupList } from '../../src/operations/backup-list.ts';
import type { SealedBackup } from '../../src/operations/backup-seal.ts';
import type { BackupDetails } from '../../src/operations/backup-verify.ts';
import { type CliEnd, startCli } from '../support/cli.ts';
import { lostPlan } from '../support/lost-plan.ts';
import { corpusBackups } from '../support/velero-corpus.ts';
import { createRepository } from './git-repository.ts';
import { type S3Server, startVersitygw } from './s3-servers.ts';
import { missingServers, temporaryFolder } from './servers.ts';

const [BACKUP] = corpusBackups();
const SPECS = `apiVersion: lattice.dev/v1alpha1
kind: LatticeCluster
metadata: { name: small }
spec: { latticeImage: "registry.invalid/lattice:1" }
---
apiVersion: lattice.dev/v1alpha1
kind: BackupStore
metadata: { name: small-backups, namespace: lattice-system }
spec: { storage: { provider: s3Compatible, s3: { bucket: backups } } }
`;

const missing = missingServers(['versitygw']);
/** A command takes a second of one processor. */
const limit = pLimit({ concurrency: 2, rejectOnClear: true });

describe.skipIf(missing.length > 0)(`the commands around backups${missing.length > 0 ? ' (skipped: versitygw not built)' : ''}`, { timeout: 180_000 }, () => {
  let folder: AsyncDisposable & { readonly path: string };
  let s3: S3Server;

  const program = async (...args: readonly string[]): Promise<CliEnd> =>
    await limit(async () => await startCli(args, { env: { PATH: process.env['PATH'], HOME: folder.path }, cwd: folder.path }).ended);
  const json = async <T>(...args: readonly string[]): Promise<T & { readonly code: number | null }> => {
    const { stdout, stderr, code } = await program(...args, '--json');
    expect(stderr, args.join(' ')).toBe('');
    return { ...(JSON.parse(stdout) as T), code };
  };

  beforeAll(async () => {
    folder = await temporaryFolder('backup-commands');
    s3 = await startVersitygw(folder.path, { versioned: true });
    const repository = await createRepository(join(folder.path, 'specs'));
    await repository.commit({ 'specs.yaml': SPECS });
    for (const Bucket of ['backups', 'volumes']) await s3.client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
    for (const [file, Body] of Object.entries(BACKUP.files))
      await s3.client.send(new PutObjectCommand({ Bucket: file.startsWith('volumes/') ? 'volumes' : 'backups', Key: BACKUP.keyOf(file), Body }));
    const snapshots = `{ provider: lattice-dr.dev/directory, config: { bucket: volumes, prefix: volumes, s3Url: "${s3.endpoint}" } }`;
    const store = `{ store: small-backups, bucket: backups, endpoint: "${s3.endpoint}", credentials: { file: "${s3.credentialsFile}" }, clusterBackup: small-data, volumeSnapshotLocation: ${snapshots} }`;
    await writeFile(join(folder.path, 'plan.yaml'), lostPlan(`  backups: [${store}]`));
    await writeFile(
      join(folder.path, 'bad.yaml'),
      lostPlan('  backups: [{ store: A B, bucket: 7, ca: { text: x } }]\n  volumes: { claims: [{ pvc: data, recovery: { image: x } }] }'),
    );
    await mkdir(join(folder.path, 'taken'));
    await writeFile(join(folder.path, 'taken', 'x'), '');
  }, 120_000);
  afterAll(async () => {
    await s3[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it('list, show, verify and seal one that nobody vouches for, then one that is sealed, then one that is gone', async () => {
    const plan = ['--plan', 'plan.yaml'];
    const listed = await json<BackupList>('backup', 'list', ...plan);
    expect(Object.keys(listed).sort()).toEqual(['at', 'cluster', 'code', 'entries', 'findings', 'rpoMs']);
    expect(listed).toMatchObject({ code: 0, cluster: 'small', rpoMs: 3_600_000, findings: [] });
    expect(listed.entries).toMatchObject([
      {
        kind: 'cluster',
        name: BACKUP.name,
        store: 'small-backups',
        takenAt: BACKUP.completedAt,
        covers: expect.stringMatching(/^2 volumes/),
        verdict: { state: 'unanchored' },
      },
    ]);
    const text = await program('backup', 'list', ...plan);
    expect(text).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^recovery points of small[\s\S]*KIND +NAME +TAKEN AT +AGE +SIZE +COVERS/),
    });
    expect(text.stdout).toContain('never sealed');
    const cells = (stdout: string): readonly string[] => {
      const lines = stdout.split('\n');
      const head = lines.find((line) => line.startsWith('KIND')) ?? '';
      const [until, tested, verdict] = ['IMMUTABLE UNTIL', 'TESTED AT', 'VERDICT'].map((column) => head.indexOf(column));
      const row = lines.find((line) => line.includes(` ${BACKUP.name} `)) ?? '';
      return [row.slice(until, tested).trim(), row.slice(tested, verdict).trim()];
    };
    expect(cells(text.stdout)).toEqual(['no', 'never']);
    const until = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 3_600_000);
    const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: until } as const;
    await s3.client.send(new PutObjectRetentionCommand({ Bucket: 'backups', Key: BACKUP.keyOf('backup/*.tar.gz'), Retention }));
    expect(cells((await program('backup', 'list', ...plan)).stdout)).toEqual([`${until.toISOString()} (GOVERNANCE)`, 'never']);

    const shown = await json<BackupDetails>('backup', 'show', BACKUP.name, ...plan);
    expect(shown).toMatchObject({ code: 0, name: BACKUP.name, verdict: { state: 'unanchored' }, volumes: 'not checked' });
    expect(shown.objects.length).toBe(Object.keys(BACKUP.files).length);
    const verified = await json<BackupDetails>('backup', 'verify', BACKUP.name, ...plan);
    expect(verified).toMatchObject({ code: 4, error: { code: 'BACKUP_UNANCHORED', kind: 'precondition' }, tarball: { objects: 89 } });
    expect(verified.findings).toContainEqual(
      expect.objectContaining({
        check: 'target',
        message: expect.stringMatching(/^whether the target has .*cannot be told: the cluster does not answer: .*no\.kubeconfig/),
      }),
    );

    const sealed = await json<SealedBackup>('backup', 'seal', BACKUP.name, ...plan);
    expect(sealed).toMatchObject({
      code: 0,
      wasSealed: false,
      key: `seals/small/small-backups/${BACKUP.name}.json`,
      seal: { expiresAt: expect.stringMatching(/Z$/) },
    });
    expect((await json<SealedBackup>('backup', 'seal', BACKUP.name, ...plan)).wasSealed).toBe(true);
    const proven = await json<BackupDetails>('backup', 'verify', BACKUP.name, ...plan);
    expect(proven).toMatchObject({ code: 0, verdict: { state: 'sealed-equal' }, volumes: 'sealed' });
    expect(proven).not.toHaveProperty('error');

    for (const file of Object.keys(BACKUP.files).filter((one) => one.startsWith('backup/')))
      await s3.client.send(new DeleteObjectCommand({ Bucket: 'backups', Key: BACKUP.keyOf(file) }));
    const gone = await json<BackupList>('backup', 'list', ...plan);
    expect(gone.entries).toMatchObject([
      { name: BACKUP.name, covers: 'missing', verdict: { state: 'bad', reasons: [expect.stringContaining('gone from the bucket')] } },
    ]);
    const refused = await program('backup', 'verify', BACKUP.name, ...plan);
    expect(refused).toMatchObject({ code: 4, stdout: expect.stringMatching(/: bad\n[\s\S]*speaks against it\n.*gone from the bucket/) });
  });

  it.each<[string, number, RegExp]>([
    ['backup list', 2, /missing required flag plan/i],
    ['backup list --plan plan.yaml --newest x', 2, /--newest/],
    ['backup verify --plan plan.yaml', 2, /name/i],
    ['backup verify x --plan plan.yaml --store other', 2, /no store 'other'/],
    ['backup verify x --plan plan.yaml', 4, /speaks against it\n {2}there is nothing of it in the bucket/],
    ['backup seal x --plan plan.yaml --as ann', 2, /--sign/],
    ['backup seal x --plan plan.yaml', 4, /BACKUP_BAD/],
    ['backup show x --plan nowhere.yaml', 3, /INPUT_INVALID: the plan 'nowhere\.yaml' does not exist/],
    ['backup take --plan plan.yaml --limit soon', 2, /--limit got 'soon', which is no duration/],
    ['backup take --plan plan.yaml --namespace a --mosk', 2, /cannot also be provided|mutually exclusive/],
    ['backup take --plan plan.yaml --store main', 2, /namespace/],
    ['backup take --plan plan.yaml', 9, /KUBE_UNAVAILABLE: cluster 'small' does not answer/],
    ['backup take --plan plan.yaml --mosk', 3, /INPUT_INVALID: the plan of 'small' has no section spec\.mosk/],
    ['backup delete x --plan plan.yaml --confirm x --limit 3', 2, /--limit got '3', which is no duration/],
    ['backup delete x --plan plan.yaml --confirm x', 3, /no section spec\.mosk/],
    ['backup coverage --plan plan.yaml --specs-only', 11, /COVERAGE|fault/i],
    ['capi export --plan plan.yaml', 2, /output/],
    ['capi export --plan plan.yaml --output out', 3, /spec\.salvage\.recipients/],
    ['capi export --plan plan.yaml --output out --without-secrets', 9, /KUBE_UNAVAILABLE/],
    ['drift --plan plan.yaml --without backup --without live', 4, /NOTHING_TO_COMPARE/],
    ['drift --plan plan.yaml --without nothing', 2, /--without/],
    ['drift --plan plan.yaml --write-patch p', 2, /resolution/],
    ['guard render --plan plan.yaml', 3, /no spec\.guard/],
    ['guard install --plan plan.yaml --mode maybe', 2, /--mode/],
    ['guard install --plan plan.yaml', 3, /no spec\.guard/],
    ['guard status --plan plan.yaml', 9, /KUBE_UNAVAILABLE/],
    ['guard uninstall --plan plan.yaml', 9, /KUBE_UNAVAILABLE/],
  ])('%s ends with %i and says why', async (line, code, why) => {
    const ended = await program(...line.split(' '));
    expect(ended.code, ended.stderr).toBe(code);
    expect(`${ended.stderr}${ended.stdout}`).toMatch(why);
    expect(`${ended.stderr}${ended.stdout}`).not.toMatch(/\n\s+at .*\.ts:\d+/);
  });

  it.each(['backup list', 'backup coverage', 'backup take', 'drift', 'guard status', 'capi export --output out'])(
    '%s names every fault of a bad plan with its line, as text and as JSON, and ends with 3',
    async (command) => {
      const args = [...command.split(' '), '--plan', 'bad.yaml'];
      const text = await program(...args);
      expect(text.code, text.stderr).toBe(3);
      for (const path of ['backups[0].store', 'backups[0].bucket', 'backups[0].ca', 'volumes.claims[0].pvc', 'volumes.claims[0].recovery'])
        expect(text.stderr).toMatch(new RegExp(`bad\\.yaml:\\d+:\\d+.*${path.replaceAll(/[[\].]/g, '\\$&')}`));
      const { stdout, code } = await program(...args, '--json');
      expect(code).toBe(3);
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: expect.any(String), kind: 'invalid', message: expect.stringContaining('backups[0].bucket') } });
    },
  );

  it('leaves nothing behind where a command was refused', async () => {
    expect((await readdir(folder.path)).filter((name) => ['out', 'p', 'new-cluster.kubeconfig'].includes(name))).toEqual([]);
  });
});
