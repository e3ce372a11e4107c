import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { MADE_UP_PASSWORD, opensRepository } from '../../src/backup/repository-key.ts';
import { layoutOf } from '../../src/lab/layout.ts';
import { Secret } from '../../src/model/secret.ts';
import type { RunReport } from '../../src/operations/run-report.ts';
import { environmentsIn, filesUnder, objectsOf, type ProcessEnvironment, s3Credentials } from '../support/canary-places.ts';
import {
  CanaryStage,
  clientKey,
  keptToken,
  keyBytes,
  PLANTED,
  planted,
  plantPlugin,
  plantSecrets,
  plantSigningKey,
  plantSpec,
  plantToken,
  STATE_BUCKET,
  specOnCluster,
  writePlan,
} from '../support/canary-stage.ts';
import { type CliEnd, lastStates } from '../support/cli.ts';
import { takeFreshBackup } from '../support/fresh-backup.ts';
import { type Finding, findNeedles, type Needle, needle } from '../support/needles.ts';
import { RebuildWorld, type YamlDocument } from '../support/rebuild-world.ts';
import { changeRepositoryPassword } from '../support/repository-password.ts';
import { makeStateBucket } from '../support/state-bucket.ts';

const BREAK_PROGRAM = join(import.meta.dirname, '..', 'support', 'break-program.ts');
const BREAK_ON_SECRET = join(import.meta.dirname, '..', 'support', 'break-on-secret.ts');
const VERIFIED = 'report verify';
const RESUMED = 'resume to the end';
const WATCHED = 'attach meanwhile';
const BROKEN = 'resume that breaks with a secret in its hands';
const IN_GIT = 'spec-in-git';
const ATTEST = ['--attest', 'fence-writes=the lab has ended every process'];

/** Everything that was written or said, by where, and everything that must not be in it. */
interface Story {
  /** The format of the repository that file-system backups of the lost cluster lie in, and how those ended that brought volumes back from it. */
  readonly repository: Uint8Array;
  readonly restored: readonly unknown[];
  /** The bootstrap token that the parent kept at the beginning, when one was planted there, and at the end. */
  readonly tokens: readonly string[];
  /** The spec of the service with a secret in it, as the new cluster has it. */
  readonly spec: Uint8Array;
  readonly places: ReadonlyMap<string, Uint8Array>;
  readonly needles: readonly Needle[];
  readonly ends: ReadonlyMap<string, CliEnd>;
  readonly commandLines: readonly string[];
  /** What each process that the program started had in its environment. */
  readonly environments: readonly ProcessEnvironment[];
}

/** With the run and in the folder of the plan: the specs themselves, in which whoever reads git has read it already. */
function isSalvagedSpec({ place, needle: name }: Finding): boolean {
  return name === IN_GIT && /\/(?:salvage|salvaged\/[^/]+)\/specs\.json$/.test(place);
}

/** Plans that point to broken files full of secrets: a message that quotes what it could not read would give them away. */
async function runBroken(stage: CanaryStage, document: YamlDocument): Promise<void> {
  const cases: readonly (readonly [string, string, (spec: YamlDocument, file: string) => void])[] = [
    [
      'broken-kubeconfig',
      `users: [{ name: a, user: { token: ${planted('broken-kubeconfig')} }`,
      (spec, file) => Object.assign(spec.cluster.parent, { kubeconfig: { file } }),
    ],
    [
      'broken-secrets',
      `kind: Secret\ndata: {password: ${planted('broken-secrets')}\n`,
      (spec, file) => Object.assign(spec.secrets[0], { from: { age: file, identity: { file } } }),
    ],
    ['broken-s3', `aws_secret_access_key ${planted('broken-s3')}\n[default\n`, (spec, file) => Object.assign(spec.state.s3, { credentials: { file } })],
    ['broken-tsig', `key "a" { secret ${planted('broken-tsig')} `, (spec, file) => Object.assign(spec.dns.servers[0], { tsig: { file } })],
  ];
  for (const [name, content, point] of cases) {
    const file = join(stage.world.directory, name);
    await writeFile(file, content, { mode: 0o600 });
    const broken = structuredClone(document);
    point(broken.spec, file);
    const plan = join(stage.home, `${name}.yaml`);
    await writeFile(plan, stringify(broken));
    const end = await stage.run(name, [...(name === 'broken-s3' ? ['status'] : ['plan']), '--plan', plan, '--json']);
    expect(end.code, `${name}\n${end.stdout}\n${end.stderr}`).not.toBe(1);
  }
}

/** The whole recovery with every command that reads or writes its record. */
async function playRecovery(stage: CanaryStage): Promise<void> {
  await stage.must(0, ['validate']);
  await lookAtLiving(stage);
  await stage.must(0, ['backup', 'take', '--sign', stage.signingKey, '--as', 'ann']);
  await stage.must(0, ['plan']);
  await stage.must(10, ['rebuild', '--json']);
  await stage.world.destroy();
  const destroys = ['--confirm', stage.world.cluster, ...ATTEST];
  const broken = await stage.run(BROKEN, ['resume', ...destroys, '--plan', stage.plan, '--json'], BREAK_ON_SECRET);
  expect(broken.code, `${broken.stdout.slice(-3_000)}\n${broken.stderr.slice(-3_000)}`).toBe(1);
  await stage.must(10, ['resume', ...destroys]);
  await stage.must(0, ['status']);
  await resumeWatched(stage);
  await stage.must(0, ['holds']);
  await stage.must(0, ['attach']);
  await stage.must(4, ['release', '--confirm', stage.world.cluster, '--json']);
  await takeFreshBackup(stage.world);
  await stage.must(0, ['release', '--confirm', stage.world.cluster]);
  await stage.must(0, ['report', '--json']);
  await stage.must(0, ['report', '--html', join(stage.home, 'report.html'), '--output', join(stage.home, 'report.md')]);
  await stage.run(VERIFIED, ['report', 'verify', join(stage.home, 'report.html'), '--json']);
}

/** What is learnt of a cluster while it lives. */
async function lookAtLiving(stage: CanaryStage): Promise<void> {
  const { world, home } = stage;
  const from = ['--kubeconfig', (await world.instance()).kubeconfigs.admin, '--parent-kubeconfig', join(home, 'parent.yaml'), '--git', world.paths.repository];
  const drafted = await stage.run('init', ['init', ...from, '--output', join(home, 'drafted.yaml')]);
  expect(drafted.code, drafted.stderr).toBe(0);
  await stage.must(0, ['baseline', '--output', join(home, 'baseline.json')]);
  await stage.must(0, ['status', '--cluster']);
}

/** Goes on to the end while another process, which has nothing but the bucket, watches, and a third one approves with a signature. */
async function resumeWatched(stage: CanaryStage): Promise<void> {
  const resume = stage.start(['resume', '--wait-for-answers', '10m']);
  const resumed = stage.watch(RESUMED, resume);
  await Promise.race([resume.event(({ type }) => type === 'run-started').catch(() => undefined), resumed]);
  const watching = stage.watch(WATCHED, stage.start(['attach']));
  const { run } = await resume.event((event) => event.type === 'gate' && event.step === 'cutover' && event.state === 'asked');
  const [shown = ''] = /sha256:[0-9a-f]{64}/.exec((await stage.must(10, ['approve', run, 'cutover', '--json'])).stdout) ?? [];
  await stage.must(0, ['approve', run, 'cutover', '--shown', shown, '--sign', stage.signingKey, '--as', 'ann']);
  const [end, watched] = await Promise.all([resumed, watching]);
  expect([end.code, watched.code], `${end.stdout.slice(0, 2_000)}\n${end.stderr.slice(-2_000)}\n${watched.stdout}\n${watched.stderr.slice(-2_000)}`).toEqual([
    0, 0,
  ]);
}

async function play(world: RebuildWorld): Promise<Story> {
  const stage = new CanaryStage(world);
  await mkdir(stage.home, { recursive: true });
  const key = await plantPlugin(stage);
  const identity = await plantSecrets(stage);
  await changeRepositoryPassword(world, planted('repository-password'));
  const signingKey = await plantSigningKey(stage);
  const living = await clientKey((await world.instance()).kubeconfigs.admin);
  const first = await keptToken(stage);
  await plantToken(stage);
  const tokens = [first, await keptToken(stage)];
  await plantSpec(stage);
  await makeStateBucket(world.lab, STATE_BUCKET);
  const document = await writePlan(stage, identity);
  await playRecovery(stage);
  await runBroken(stage, document);
  const crash = await stage.run('crash', ['report', '--plan', stage.plan], BREAK_PROGRAM);
  expect(crash.code, crash.stderr).toBe(1);
  const repository = await readFile(
    join(layoutOf(world.directory).s3, 'data', world.lab.s3.bucket, 'lattice-small-backups', 'kopia', 'shop', 'kopia.repository'),
  );
  tokens.push(await keptToken(stage));
  await using cluster = await world.open();
  const movers = (await cluster.list({ apiVersion: 'velero.io/v1', kind: 'PodVolumeRestore' }, { signal: AbortSignal.timeout(20_000) })) ?? [];
  const tsig = /secret\s+"([^"]+)"/.exec(await readFile(world.lab.dns.tsigKeyPath, 'utf8'))?.[1] ?? '';
  const [, s3Secret = ''] = await s3Credentials(world.lab.s3.credentialsPath);
  const [, veleroSecret = ''] = await s3Credentials(world.lab.s3.veleroCredentialsPath);
  const needles = [
    ...Object.entries(PLANTED).map(([name, value]) => needle(name, value)),
    needle('key of the parent kubeconfig', keyBytes(key)),
    needle('key of the old cluster', living),
    needle('key of the new cluster', await clientKey(join(world.directory, 'rebuilt.kubeconfig'))),
    needle('key that signs', signingKey),
    needle('TSIG key', Buffer.from(tsig, 'base64')),
    needle('S3 secret key', s3Secret),
    needle('S3 secret key of Velero', veleroSecret),
    needle('age identity', identity),
    needle('bootstrap token of the old cluster', first),
    needle('bootstrap token of the new cluster', tokens.at(-1) ?? ''),
  ];
  // The plugin and its kubeconfig are the operator's own files, which hold what they hold.
  const files = await filesUnder(stage.home, new Set(['parent.yaml', 'plugin.cjs']));
  const said = [...stage.ends].flatMap(([name, { stdout, stderr }]) => [
    [`stdout of ${name}`, Buffer.from(stdout)] as const,
    [`stderr of ${name}`, Buffer.from(stderr)] as const,
  ]);
  const lines = Buffer.from([...stage.commandLines].join('\n'), 'latin1');
  const places = new Map([...files, ...(await objectsOf(stage)), ...said, ['command lines', lines]]);
  const restored = movers.map(({ status }) => status?.['phase']);
  const spec = await specOnCluster(stage);
  const environments = await environmentsIn(stage.givenLog);
  return { repository, restored, tokens, spec, places, needles, ends: stage.ends, commandLines: [...stage.commandLines], environments };
}

describe('secrets stay where they are', () => {
  let world: RebuildWorld;
  let story: Story;

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    story = await play(world);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('in no state, object, output, event, report, crash file, command line or left-over file is any of them', () => {
    expect(findNeedles(story.places, story.needles).filter((one) => !isSalvagedSpec(one))).toEqual([]);
  });

  it('a process is given none of them in its environment, but for the variable that a kubeconfig gives to its credential plugin', () => {
    const holding = story.environments.flatMap(({ file, given }) =>
      findNeedles(new Map([[file, Buffer.from(JSON.stringify(given))]]), story.needles).map(({ place, needle: found }) => `${found} to ${place}`),
    );
    expect([...new Set(holding)]).toEqual([`exec-variable to ${process.execPath}`]);
    expect(story.environments.map(({ file }) => file)).toContainEqual(expect.stringMatching(/(^|\/)git$/));
  });

  it('of what a process inherits, those are secret that the operator put into the environment, and no others', () => {
    const inherited = Buffer.from(JSON.stringify(story.environments.map((one) => one.inherited)));
    const found = findNeedles(new Map([['inherited', inherited]]), story.needles).map((one) => one.needle);
    expect(found.toSorted()).toEqual(['TSIG key', 'age identity', 'variable']);
  });

  it('a step that breaks with a secret in its hands leaves a crash file with its stack, and not the secret', () => {
    const { error, step, crashFile } = JSON.parse(story.ends.get(BROKEN)?.stdout ?? '{}');
    expect({ code: error.code, step }).toEqual({ code: 'BUG', step: 'secrets' });
    const text = Buffer.from(story.places.get(crashFile) ?? '').toString();
    expect(text).toMatch(/^lattice-dr\/.*\ncommand: resume\n/);
    expect(text).toMatch(/planted by a test: cannot send .*\[redacted\][^]*\n {4}at [^]*caused by: Error: the value \[redacted\] is odd\n {4}at /);
  });

  it('the search finds every one of them when it is put into any of these places', () => {
    for (const [place, content] of story.places) {
      const one = story.needles[place.length % story.needles.length];
      const spoilt = Buffer.concat([content, Buffer.from(Buffer.concat([Buffer.from('a'), one?.bytes ?? Buffer.alloc(0)]).toString('base64'))]);
      const found = findNeedles(new Map([[place, spoilt]]), story.needles).filter((each) => one?.name === IN_GIT || !isSalvagedSpec(each));
      expect(found).toEqual([{ place, needle: one?.name }]);
    }
    const each = story.needles.map(({ name, bytes }) => [name, bytes] as const);
    expect(findNeedles(new Map(each), story.needles).map(({ place, needle: found }) => [place, found])).toEqual(each.map(([name]) => [name, name]));
  });

  it('has searched what it says: state in S3, reports in three forms, events, a crash file, command lines', () => {
    const places = [...story.places.keys()];
    for (const part of ['/journal/', '/run.json', '/evidence/report.json', '/evidence/report.html', '/evidence/report.md']) {
      expect(
        places.some((place) => place.startsWith('s3://') && place.includes(part)),
        part,
      ).toBe(true);
    }
    expect(places.some((place) => /\/crash-[^/]*\.txt$/.test(place))).toBe(true);
    expect(places.filter((place) => place.endsWith('/report.html') || place.endsWith('/report.md')).length).toBeGreaterThanOrEqual(4);
    expect(story.ends.get(WATCHED)?.stderr).toContain('"type":"run-ended"');
    expect(story.commandLines.length).toBeGreaterThan(1);
    const log = places.find((place) => place.endsWith('/commands.log')) ?? '';
    expect(Buffer.from(story.places.get(log) ?? '').toString()).toMatch(/"git"|\/git"/);
  });

  it('who watched from another process saw every step end as the run itself did', () => {
    const watched = lastStates(story.ends.get(WATCHED));
    expect(watched['run']).toBe('succeeded');
    expect(watched).toEqual(lastStates(story.ends.get(RESUMED)));
    expect(JSON.parse(story.ends.get(WATCHED)?.stdout ?? '{}')).toMatchObject({ standing: 'succeeded', detached: false });
  });

  it('the page with the report is proven by what is in it alone', () => {
    const verified = story.ends.get(VERIFIED);
    expect(verified?.code, verified?.stdout).toBe(0);
    expect(JSON.parse(verified?.stdout ?? '{}')).toMatchObject({ cluster: 'small', state: 'succeeded', page: 'same' });
  });

  it('the repository password was in use: the lost cluster backed up with it, and the new one restored with it', async () => {
    expect(await opensRepository(story.repository, new Secret(planted('repository-password')))).toBe(true);
    expect(await opensRepository(story.repository, new Secret(Buffer.from(MADE_UP_PASSWORD, 'base64').toString()))).toBe(false);
    expect(story.restored).toEqual(['Completed']);
  });

  it('the bootstrap tokens were there: the parent kept that of the old cluster, the one that was planted, and at the end that of the new cluster', () => {
    expect(story.tokens[1]).toBe(planted('bootstrap-token'));
    expect(story.tokens[2]).not.toBe(story.tokens[1]);
    expect(findNeedles(new Map([['the parent', Buffer.from(story.tokens.join())]]), story.needles).map((one) => one.needle)).toEqual([
      'bootstrap-token',
      'bootstrap token of the old cluster',
      'bootstrap token of the new cluster',
    ]);
  });

  it('the secret that somebody wrote into a spec was there: the new cluster has it, and the salvage has kept the specs of the old one, as plain as in git', () => {
    expect(findNeedles(new Map([['the cluster', story.spec]]), story.needles)).toEqual([{ place: 'the cluster', needle: IN_GIT }]);
    expect(findNeedles(story.places, story.needles).filter(isSalvagedSpec)).toHaveLength(2);
  });

  it('the secrets were in use: what was planted was restored, and the salvage kept what the cluster had, encrypted', () => {
    const report = JSON.parse(story.ends.get('report --json')?.stdout ?? '{}') as RunReport;
    expect(report.state).toBe('succeeded');
    expect(report.steps.find(({ id }) => id === 'secrets')?.state).toBe('succeeded');
    expect(report.knowledge.salvage?.files.length).toBeGreaterThan(0);
  });
});
