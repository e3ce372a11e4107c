import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { writeSecretFile } from '../../src/lab/seed/secret-file.ts';
import { readWorld } from '../../src/lab/seed/world.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { ObjectRef } from '../../src/model/kube-object.ts';
import type { BackupList } from '../../src/operations/backup-list.ts';
import type { HoldList } from '../../src/operations/holds.ts';
import type { ReleaseResult } from '../../src/operations/release.ts';
import { destructiveCalls, effectCalls, type LogPosition, logPosition, unlistedCalls, unlistedInRelease } from '../crash/destructive-calls.ts';
import { decisionsOf } from '../crash/every-line.ts';
import { runStoppedAt } from '../crash/kill-at.ts';
import { readS3Access } from '../integration/lab-logs.ts';
import { startCli } from '../support/cli.ts';
import { takeFreshBackup } from '../support/fresh-backup.ts';
import { LabBucket } from '../support/lab-bucket.ts';
import { commitGuard, LAB_GUARD, scaleByHand } from '../support/lab-guard.ts';
import { volumeDigest } from '../support/pod-answers.ts';
import { RebuildWorld, type YamlDocument } from '../support/rebuild-world.ts';
import { SERVICE } from '../support/velero-corpus.ts';
import { describeWrite, writesOf } from '../support/written.ts';

const PREFIX = 'lattice-small-backups';
const ROWS = 'lattice-rows';
const HOLD = `backup-location/velero/${PREFIX}`;
const EXPIRED = 'last-of-its-time';
const LOCATION: ObjectRef = { apiVersion: 'velero.io/v1', kind: 'BackupStorageLocation', namespace: 'velero', name: PREFIX };
const NOTIFIER: ObjectRef = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace: 'front', name: 'notifier' };
const SCHEDULE: ObjectRef = { apiVersion: 'velero.io/v1', kind: 'Schedule', namespace: 'velero', name: 'lattice-small-data' };
/** After the hold and before the location; with the location there and the step not journalled; in the middle of the data; with all specs applied and nothing verified. */
const KILLS = ['after|held|backups|backup-location', 'before|step-succeeded|backups', 'after|step-started|volumes', 'before|step-succeeded|specs'];

const DATABASES = ['orders-db', 'stock-db'];

interface Stop {
  readonly error: { readonly code: string; readonly message: string; readonly suggestions: readonly string[] };
  readonly steps: readonly { readonly id: string; readonly state: string }[];
}

/**
 * One disaster, with a guard in deny among the specs. Before it: what preflight finds in the stores. In it: four kills, three of them with the location there.
 * After it: the release. Each test needs the one before.
 */
describe('backup stores from preflight to release', { shuffle: false }, () => {
  let world: RebuildWorld;
  let bucket: LabBucket;
  let point: { readonly prefix: string; readonly name: string };
  /** Digests of the volumes, and when the first run began. */
  let untouched: { readonly volumes: readonly string[]; readonly since: string };
  const signal = AbortSignal.timeout(19 * 60_000);
  let start: LogPosition;
  /** What the servers saw deleted or replaced by the recovery, and by its release. */
  const calls: Record<'recovered' | 'released', readonly string[]> = { recovered: [], released: [] };

  const look = async (ref: ObjectRef) => {
    await using cluster = await world.open();
    return await cluster.get(ref, AbortSignal.timeout(20_000));
  };
  const holds = async (): Promise<readonly string[]> => (JSON.parse((await world.cli('holds')).stdout) as HoldList).open.map(({ hold }) => hold.id);
  const volumes = async (): Promise<readonly string[]> => {
    await using cluster = await world.open();
    return await Promise.all(DATABASES.map((name) => volumeDigest(cluster, 'shop', name)));
  };
  const untilPhase = async (ref: ObjectRef, phase: string): Promise<void> => {
    while (String((await look(ref))?.status?.['phase']) !== phase) await sleep(250, undefined, { signal });
  };

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    await world.editPlan((spec) => {
      spec.guard = LAB_GUARD;
    });
    await commitGuard(world);
    bucket = await LabBucket.open(world.lab);
    start = await logPosition(world);
    await using old = await world.open();
    const backups = (await old.list({ apiVersion: 'velero.io/v1', kind: 'Backup' }, { signal })) ?? [];
    point = { prefix: PREFIX, name: backups[0]?.metadata.name ?? '' };
    // Velero looks for expired backups once an hour, and when one is made: this one outlives its time.
    const backup = { ...LOCATION, kind: 'Backup', name: EXPIRED };
    const spec = { storageLocation: PREFIX, includedNamespaces: ['front'], snapshotVolumes: false, ttl: '1s' };
    await old.create(
      { apiVersion: backup.apiVersion, kind: backup.kind, metadata: { namespace: 'velero', name: EXPIRED }, spec },
      { fieldManager: 'test', signal },
    );
    await untilPhase(backup, 'Completed');
    untouched = { volumes: await volumes(), since: new Date().toISOString() };
  });

  afterAll(async () => {
    bucket[Symbol.dispose]();
    await world[Symbol.asyncDispose]();
  });

  /** Writes a plan like the world's, with a change. */
  const writePlan = async (name: string, change: (spec: YamlDocument) => void): Promise<string> => {
    const plan: YamlDocument = parse(await readFile(world.paths.plan, 'utf8'));
    change(plan.spec);
    const path = join(world.directory, `plan-${name}.yaml`);
    await writeFile(path, stringify(plan));
    return path;
  };
  /** Runs preflight alone, with a plan of its own. */
  const preflight = async (
    name: string,
    change: (spec: YamlDocument) => void = () => undefined,
  ): Promise<{ readonly code: number | null; readonly stop: Stop }> => {
    const path = await writePlan(name, change);
    const runbook = await world.copyRunbook((step, spec) => {
      spec.steps = [{ ...step('preflight'), needs: [] }];
    });
    const end = await world.start(['rebuild', '--runbook', runbook], { plan: path }).ended;
    return { code: end.code, stop: JSON.parse(end.stdout) as Stop };
  };
  const namesBackup = (clusterBackup: string) => (spec: YamlDocument) => {
    spec.backups[0].clusterBackup = clusterBackup;
    // Out of sight of the living cluster: its Velero would expire a copy, and with it the snapshots of the real backup.
    spec.backups[0].prefix = ROWS;
  };
  const isStopped = async (
    name: string,
    change: (spec: YamlDocument) => void,
    expected: { readonly exit: number; readonly code: string; readonly words: string },
  ) => {
    const { code, stop } = await preflight(name, change);
    expect({ code, error: stop.error.code }, stop.error.message).toEqual({ code: expected.exit, error: expected.code });
    expect(stop.error.message).toContain(expected.words);
    expect(stop.steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['preflight failed']);
  };

  it('a failed, an unfinished and an expired backup, and one of another cluster: exit 4, BACKUP_NOT_USABLE', async () => {
    const rows: readonly { readonly of: string; readonly status?: JsonObject; readonly resources?: JsonObject; readonly words: string }[] = [
      { of: 'failed', status: { phase: 'Failed' }, words: 'phase is Failed' },
      { of: 'unfinished', status: { phase: 'Finalizing' }, words: 'phase is Finalizing' },
      { of: 'expired', status: { expiration: '2026-01-01T00:00:00Z' }, words: 'it expired at 2026-01-01T00:00:00Z' },
      { of: 'foreign', resources: { 'lattice.dev/v1alpha1/LatticeCluster': ['large'] }, words: 'it holds LatticeCluster large and not small' },
    ];
    for (const { of, words, ...change } of rows) {
      await bucket.copyBackup(point, { name: `lattice-${of}-20260101000000`, prefix: ROWS, ...change });
      await isStopped(of, namesBackup(of), { exit: 4, code: 'BACKUP_NOT_USABLE', words });
    }
  });

  it('a backup that nobody has sealed: exit 4, BACKUP_UNANCHORED', async () => {
    const name = 'lattice-unsealed-20260101000000';
    await bucket.copyBackup(point, { name, prefix: ROWS });
    await isStopped('unsealed', namesBackup('unsealed'), { exit: 4, code: 'BACKUP_UNANCHORED', words: name });
  });

  it('a sealed copy is taken once the repository of its volumes is beside it, and never again when it was rewritten: exit 4, BACKUP_BAD', async () => {
    const copy = { name: 'lattice-sealed-20260101000000', prefix: ROWS };
    await bucket.copyBackup(point, copy);
    const sealed = await world.start(['backup', 'seal', copy.name], { plan: await writePlan('sealed', namesBackup('sealed')) }).ended;
    expect(sealed.code, sealed.stderr.slice(-2_000)).toBe(0);
    const repository = `${ROWS}/kopia/shop/kopia.repository`;
    await isStopped('sealed', namesBackup('sealed'), {
      exit: 4,
      code: 'BACKUP_NOT_USABLE',
      words: `there is no repository at s3://lattice-backups/${repository}`,
    });
    await bucket.copyFolder(`${PREFIX}/kopia`, `${ROWS}/kopia`);
    const whole = await preflight('sealed', namesBackup('sealed'));
    expect(whole.code, whole.stop.error?.message).toBe(0);
    await bucket.rewriteObject(copy, SERVICE, (text) => text.replace(/"image":"[^"]*"/, '"image":"registry.invalid/shop/somebody-elses-api:6.6.6"'));
    await isStopped('sealed', namesBackup('sealed'), { exit: 4, code: 'BACKUP_BAD', words: `${copy.name}.tar.gz has ` });
  });

  it('one name in two stores: exit 3, BACKUP_NAME_TWICE', async () => {
    await bucket.copyBackup(point, { ...point, prefix: 'lattice-copy' });
    const twice = (spec: YamlDocument): void => {
      spec.backups = [...spec.backups, { ...spec.backups[0], store: 'copy' }];
    };
    await isStopped('twice', twice, {
      exit: 3,
      code: 'BACKUP_NAME_TWICE',
      words: `stores 'small-backups' and 'copy' of the plan both hold a backup '${point.name}'`,
    });
  });

  it('a foreign folder at the top of the prefix: Velero calls its location Unavailable; exit 4, BACKUP_STORE_NOT_USABLE', async () => {
    await bucket.put(`${PREFIX}/notes/readme.txt`, 'of somebody');
    await untilPhase(LOCATION, 'Unavailable');
    expect(String((await look(LOCATION))?.status?.['message'])).toContain('notes');
    await isStopped('folder', () => undefined, { exit: 4, code: 'BACKUP_STORE_NOT_USABLE', words: "holds 'notes', which Velero does not know" });
    await bucket.removeFolder(`${PREFIX}/notes`);
    await untilPhase(LOCATION, 'Available');
  });

  it('credentials of Velero that may only read: exit 4, BACKUP_STORE_NOT_USABLE', async () => {
    const platform = await readWorld('small', world.lab);
    const cloud = await bucket.reader();
    const readOnly = platform.files.map((file) => ({
      ...file,
      objects: file.objects.map((object) => (object.metadata.name === 'velero-credentials-lab-s3' ? { ...object, stringData: { cloud } } : object)),
    }));
    const paths = { identity: world.paths.identity, file: world.paths.secretFile };
    await writeSecretFile({ ...platform, files: readOnly }, paths);
    await isStopped('reader', () => undefined, {
      exit: 4,
      code: 'BACKUP_STORE_NOT_USABLE',
      words: 'may not write to s3://lattice-backups: every restore would end PartiallyFailed',
    });
    await writeSecretFile(platform, paths);
    expect((await preflight('well')).code).toBe(0);
    const written = (await readS3Access(world.lab.s3.accessLogPath)).filter(
      ({ requester, operation, status }) => requester === 'lattice-dr' && status < 300 && /Put|Delete|Copy|Complete/.test(operation),
    );
    expect(written).toEqual([]);
  });

  it('a commit that nobody has signed where the plan names signers: exit 4, COMMIT_NOT_TRUSTED; signed by one of them it is taken', async () => {
    const run = promisify(execFile);
    const [key, allowedSigners] = [join(world.directory, 'ann'), join(world.directory, 'signers')];
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ann', '-f', key]);
    await writeFile(allowedSigners, `ann@lab.test ${await readFile(`${key}.pub`, 'utf8')}`);
    const verified = (spec: YamlDocument): void => {
      spec.specs.git.verify = { allowedSigners: { file: allowedSigners } };
    };
    await isStopped('unsigned', verified, { exit: 4, code: 'COMMIT_NOT_TRUSTED', words: 'is not trusted (specs.git.verify): it is not signed' });
    const as = ['-c', 'user.name=Ann', '-c', 'user.email=ann@lab.test', '-c', 'gpg.format=ssh', '-c', `user.signingKey=${key}`];
    await run('git', ['-C', world.paths.repository, ...as, 'commit', '--quiet', '--allow-empty', '-S', '-m', 'as it was, signed']);
    const { code, stop } = await preflight('signed', verified);
    expect(code, stop.error?.message).toBe(0);
  });

  it('after all of these nothing is held, nothing was written on the cluster or its parent, and both volumes are as they were', async () => {
    expect(await holds()).toEqual([]);
    for (const name of [world.cluster, world.lab.parent])
      expect((await writesOf((await world.instance(name)).auditLogPath, untouched.since)).map(describeWrite)).toEqual([]);
    expect(await volumes()).toEqual(untouched.volumes);
  });

  /** Who is named nowhere in the guard writes no spec. */
  const isGuarded = async (): Promise<void> => {
    expect(await scaleByHand(world, 'shop/api', { as: 'dev', replicas: 7 })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('specs are written from git only'),
    });
  };
  const written = async (since: string): Promise<readonly string[]> => (await writesOf((await world.instance()).auditLogPath, since)).map(describeWrite);

  it.each(KILLS.map((place, index) => ({ place, verb: index === 0 ? 'rebuild' : 'resume', log: `killed-${index}` })))(
    'killed $place: the location stays ReadOnly and is listed',
    async ({ place, verb, log }) => {
      if (verb === 'rebuild') await world.destroy();
      const stopped = await runStoppedAt(world, new Map([[place, 'SIGKILL']]), { args: [verb, ...decisionsOf(world)], log });
      expect({ place: stopped.place, signal: stopped.end.signal }, stopped.end.stderr.slice(-2_000)).toEqual({ place, signal: 'SIGKILL' });
      // Killed before the first request, there is none yet; a writable one there is at no time.
      const mode = (await look(LOCATION))?.spec?.['accessMode'];
      expect(mode).toBe(verb === 'rebuild' ? undefined : 'ReadOnly');
      expect(await holds()).toContain(HOLD);
    },
  );

  it('cancelled, and then ended verified under the guard, it is ReadOnly still', async () => {
    // Somebody takes a service away meanwhile, which the resume has to write again.
    await using cluster = await world.open();
    await cluster.delete(NOTIFIER, { signal });
    while ((await look(NOTIFIER)) !== undefined) await sleep(250, undefined, { signal });
    const since = new Date().toISOString();
    await isGuarded();
    const cancelled = await runStoppedAt(world, new Map([['after|step-started|verify-health', 'SIGINT']]), {
      args: ['resume', ...decisionsOf(world)],
      log: 'cancelled',
    });
    expect(cancelled.end.code, cancelled.end.stderr.slice(-2_000)).toBe(130);
    expect((await look(LOCATION))?.spec?.['accessMode']).toBe('ReadOnly');
    const early = await world.cli('release', '--confirm', 'small');
    expect({ code: early.code, error: (JSON.parse(early.stdout) as Stop).error.code }).toEqual({ code: 4, error: 'RELEASE_REFUSED' });
    const end = await world.cli('resume', ...decisionsOf(world));
    expect(end.code, end.stderr.slice(-2_000)).toBe(0);
    expect(await written(since)).toContain('patch latticeservices front/notifier');
    expect((await look(LOCATION))?.spec?.['accessMode']).toBe('ReadOnly');
    expect((await holds()).filter((id) => /backup-location|clusterbackup/.test(id))).toEqual([HOLD, 'latticeclusterbackup/lattice-system/small-data']);
  });

  it('the list of backups has the time at which this run has proven the volumes of the one that it took, and of no other', async () => {
    const { entries } = JSON.parse((await world.cli('backup', 'list')).stdout) as BackupList;
    const tested = entries.filter((entry) => entry.tested !== undefined);
    expect(tested.map(({ name }) => name)).toEqual([point.name]);
    const { stdout, stderr } = await startCli(['backup', 'list', '--plan', world.paths.plan], { env: world.env }).ended;
    const lines = stdout.split('\n');
    const column = lines.find((line) => line.startsWith('KIND'))?.indexOf('TESTED AT');
    const row = lines.find((line) => line.includes(point.name));
    expect(row?.slice(column).split(' ')[0], stderr.slice(-2_000)).toBe(tested[0]?.tested?.at);
  });

  it('release asks for the number of expired backups, makes the location writable with the schedule still paused, and starts it after a fresh backup', async () => {
    calls.recovered = await destructiveCalls(world, start);
    const recovered = await logPosition(world);
    await isGuarded();
    const since = new Date().toISOString();
    const unasked = await world.cli('release', '--confirm', 'small');
    const { error } = JSON.parse(unasked.stdout) as Stop;
    expect({ code: unasked.code, error: error.code }).toEqual({ code: 10, error: 'GATE_WAITING' });
    expect(error.message).toContain(`Velero deletes ${EXPIRED}, which expired at `);
    expect(error.suggestions.join('\n')).toContain('--confirm small --expired 1');
    expect((await look(LOCATION))?.spec?.['accessMode']).toBe('ReadOnly');
    expect((await world.cli('release', '--confirm', 'small', '--expired', '2')).code).toBe(7);

    const first = JSON.parse((await world.cli('release', '--confirm', 'small', '--expired', '1')).stdout) as ReleaseResult;
    expect(first.expired.map(({ backup, hold }) => [backup, hold])).toEqual([[EXPIRED, HOLD]]);
    const location = await look(LOCATION);
    expect(location?.spec?.['accessMode']).toBe('ReadWrite');
    const managers = (location?.metadata.managedFields ?? []).map((entry) => (entry as { readonly manager?: string }).manager);
    expect(managers).toContain('lattice-backup-store-controller');
    expect(managers).not.toContain('lattice-dr');
    expect((await look(SCHEDULE))?.spec?.['paused']).toBe(true);

    await takeFreshBackup(world);
    const last = await world.cli('release', '--confirm', 'small');
    expect(last.code, last.stdout).toBe(0);
    expect(await holds()).toEqual([]);
    // The guard let the recovery write what it had held.
    expect(await written(since)).toEqual(
      expect.arrayContaining([
        'patch dnsproviders lattice-system/small-dns',
        'patch latticeclusterbackups lattice-system/small-data',
        'patch latticeservices shop/stock-db',
      ]),
    );
    calls.released = await destructiveCalls(world, recovered);
    await isGuarded();
    while ((await look(SCHEDULE))?.spec?.['paused'] === true) await sleep(250, undefined, { signal });
  });

  it('what the servers saw deleted or replaced is all in the catalogue, and the release has put back what was held and nothing else', async () => {
    expect(unlistedCalls(calls.recovered)).toEqual([]);
    expect(effectCalls(calls.recovered)).toContain('parent: delete latticeclusters small');
    expect(unlistedInRelease(calls.released)).toEqual([]);
    expect(calls.released).toContain(`child: patch backupstoragelocations velero/${PREFIX}: spec.accessMode`);
  });
});
