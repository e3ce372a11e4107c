import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { ReportedRun } from '../../src/cli/session.ts';
import { compareTestimonies } from '../../src/lab/demo/compare.ts';
import type { Testimony } from '../../src/lab/demo/witness.ts';
import type { RunList } from '../../src/operations/list-runs.ts';
import type { RunReport } from '../../src/operations/run-report.ts';
import { type CliEnd, type RunningCli, startCli } from '../support/cli.ts';
import { takeFreshBackup } from '../support/fresh-backup.ts';
import { RebuildWorld, type YamlDocument } from '../support/rebuild-world.ts';
import { makeStateBucket } from '../support/state-bucket.ts';

const MACHINE_NAME = join(import.meta.dirname, '..', 'support', 'machine-name.ts');

/** Files that the plan names, beside it: what a team keeps in a safe or in git. */
const CREDENTIALS = ['parent.yaml', 'secrets.age', 'age-identity.txt', 's3.credentials', 'dns.key'] as const;

describe('a run whose machine is gone', { shuffle: false }, () => {
  let world: RebuildWorld;
  let before: Testimony;
  let run: string;
  let release: string;

  /** Lays plan and credentials out on a machine: a folder, with a home of its own. */
  const layOut = async (folder: string): Promise<string> => {
    const { paths, lab } = world;
    await mkdir(join(folder, 'home'), { recursive: true });
    const sources = [
      join(world.directory, 'kubeconfigs', 'management.yaml'),
      paths.secretFile,
      paths.identity,
      lab.s3.credentialsPath,
      join(world.directory, 'dns', 'lattice-dr.key'),
    ];
    for (const [index, name] of CREDENTIALS.entries()) await copyFile(sources[index] ?? '', join(folder, name));
    const plan: YamlDocument = parse(await readFile(paths.plan, 'utf8'));
    const { spec } = plan;
    spec.cluster.parent.kubeconfig.file = './parent.yaml';
    spec.cluster.kubeconfigOut = './rebuilt.kubeconfig';
    spec.secrets[0].from = { age: './secrets.age', identity: { file: './age-identity.txt' } };
    spec.backups[0].credentials.file = './s3.credentials';
    spec.dns.servers[0].tsig.file = './dns.key';
    spec.state = { s3: { bucket: 'dr-state', prefix: 'east', region: lab.s3.region, endpoint: lab.s3.endpoint, credentials: { file: './s3.credentials' } } };
    await writeFile(join(folder, 'plan.yaml'), stringify(plan));
    return folder;
  };

  /** A command as it is typed in the folder of a machine, which is called as the folder is. */
  const start = (folder: string, ...args: readonly string[]): RunningCli => {
    const home = join(folder, 'home');
    const env = { ...world.env, HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CACHE_HOME: join(home, 'cache'), MACHINE_NAME: basename(folder) };
    return startCli([...args, '--json'], { env, cwd: folder, preload: MACHINE_NAME });
  };
  const typed = async (folder: string, ...args: readonly string[]): Promise<CliEnd> => await start(folder, ...args).ended;

  const resultOf = (end: CliEnd, code: number): unknown => {
    expect(end.code, `${end.stdout.slice(0, 1_000)}\n${end.stderr.slice(-3_000)}`).toBe(code);
    return JSON.parse(end.stdout);
  };

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    await makeStateBucket(world.lab, 'dr-state');
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('stops at a gate and leaves nothing on that machine but caches', async () => {
    before = await world.testify('before');
    const machine = await layOut(join(world.directory, 'machine-a'));
    resultOf(await typed(machine, 'backup', 'seal', world.backup, '--plan', 'plan.yaml'), 0);
    await world.destroy();
    const end = await typed(machine, 'rebuild', '--plan', 'plan.yaml', '--confirm', 'small', '--attest', 'fence-writes=the lab has ended every process');
    const stopped = resultOf(end, 10) as ReportedRun;
    run = stopped.run;
    expect(stopped.location).toBe('s3://dr-state/east');
    expect(stopped.commands.resume).toMatch(new RegExp(` resume ${run} --plan ${join(machine, 'plan.yaml')} --approve 'cutover'$`));
    expect(await readdir(join(machine, 'home'))).toEqual(['cache']);
    await rm(machine, { recursive: true });
  });

  it('goes on on another one, which dies with it in the middle of a step', async () => {
    const machine = await layOut(join(world.directory, 'machine-b'));
    const owner = start(machine, 'resume', '--plan', 'plan.yaml', '--approve', 'cutover');
    await owner.event((event) => event.type === 'step-state' && event.step === 'cutover' && event.state === 'running');
    owner.child.kill('SIGKILL');
    expect((await owner.ended).signal).toBe('SIGKILL');
    await rm(machine, { recursive: true });
  });

  it('is not taken from an owner of whom nobody can tell whether it lives, until a person says how they know that it is gone', async () => {
    const machine = await layOut(join(world.directory, 'elsewhere', 'machine-c'));
    const refused = resultOf(await typed(machine, 'resume', '--plan', 'plan.yaml', '--approve', 'cutover'), 8) as {
      readonly error: { readonly code: string; readonly message: string; readonly suggestions: readonly string[] };
    };
    expect(refused.error.code).toBe('RUN_LOCKED');
    expect(refused.error.message).toContain('machine-b');
    expect(refused.error.suggestions.join('\n')).toContain(` resume ${run} --plan ${join(machine, 'plan.yaml')} --owner-gone '<how you know>'`);
  });

  it('is found and completed from another one with nothing but the plan and its credentials, which lie in another place there', async () => {
    const machine = join(world.directory, 'elsewhere', 'machine-c');
    const list = resultOf(await typed(machine, 'status', '--plan', 'plan.yaml'), 0) as RunList;
    expect(list.runs.map(({ id }) => id)).toEqual([run]);
    const gone = ['--owner-gone', 'its rack has burned down'];
    const resumed = resultOf(await typed(machine, 'resume', '--plan', 'plan.yaml', '--approve', 'cutover', ...gone), 0) as ReportedRun;
    expect(resumed).toMatchObject({ run, state: 'succeeded', resumed: true });
    expect(compareTestimonies(before, await world.testify('after')).filter(({ holds }) => !holds)).toEqual([]);
    expect(await readdir(machine)).toContain('rebuilt.kubeconfig');
    const { owners } = resultOf(await typed(machine, 'report', '--plan', 'plan.yaml'), 0) as RunReport;
    expect(owners.map(({ host, ownerGone }) => [host, ownerGone])).toEqual([
      ['machine-a', undefined],
      ['machine-b', undefined],
      ['machine-c', 'its rack has burned down'],
    ]);
    release = resumed.commands.release;
  });

  it('prints commands that can be typed as they are, in any folder', async () => {
    const words = release.split(' ');
    const early = resultOf(await typed(world.directory, ...words.slice(words.indexOf('release')), '--confirm', 'small'), 4);
    expect(early).toMatchObject({ error: { code: 'RELEASE_REFUSED' } });
    await takeFreshBackup(world);
    const released = resultOf(await typed(world.directory, ...words.slice(words.indexOf('release')), '--confirm', 'small'), 0);
    expect(released).toMatchObject({ open: [] });
  });
});
