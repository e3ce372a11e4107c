import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareTestimonies } from '../../src/lab/demo/compare.ts';
import type { Testimony } from '../../src/lab/demo/witness.ts';
import type { RunStatus } from '../../src/operations/run-status.ts';
import { type CliEnd, startCli } from '../support/cli.ts';
import { RebuildWorld, type YamlDocument } from '../support/rebuild-world.ts';
import { describeWrite, writesOf } from '../support/written.ts';

const run = promisify(execFile);
const MANIFEST = join('services', 'front', 'services.yaml');
/** Refused by the platform's webhook, and by nothing before it. */
const BROKEN = 'autoscaling.max (1) must be >= replicas (2)';
const FENCED = ['--confirm', 'small', '--attest', 'fence-writes=the lab has ended every process'];

interface Result {
  readonly run: string;
  readonly error: { readonly code: string; readonly message: string; readonly suggestions: readonly string[] };
  readonly steps: readonly { readonly id: string; readonly state: string; readonly found: boolean }[];
}

function resultOf(end: CliEnd, code: number): Result {
  expect(end.code, `${end.stdout.slice(0, 2_000)}\n${end.stderr.slice(-2_000)}`).toBe(code);
  return JSON.parse(end.stdout) as Result;
}

function statesOf({ steps }: Result): Readonly<Record<string, string>> {
  return Object.fromEntries(steps.map(({ id, state }) => [id, state]));
}

/** Differences that a command showed before it went on. */
function shown({ stderr }: CliEnd): readonly string[] {
  return stderr
    .split('\n')
    .flatMap((line) => (line.startsWith('{"') ? [(JSON.parse(line) as { message?: string }).message ?? ''] : []))
    .filter((line) => line.startsWith('changed: '));
}

/** A disaster with two causes that keep the recovery from ending, one in git and one in the plan. Each test takes up where the one before stopped. */
describe('a rebuild whose causes of failure lie in git and in the plan', { shuffle: false }, () => {
  let world: RebuildWorld;
  let before: Testimony;
  let id: string;
  let goodPlan: string;
  let goodSpec: string;

  const repository = (): string => world.paths.repository;
  const parentWrites = async (since: string): Promise<readonly string[]> =>
    (await writesOf((await world.instance(world.lab.parent)).auditLogPath, since)).map(describeWrite);
  /** A command with the plan in the environment, where it says no more than whose state is meant. */
  const byEnvironment = async (...args: readonly string[]): Promise<CliEnd> =>
    await startCli([...args, '--json'], { env: { ...world.env, LATTICE_DR_PLAN: world.paths.plan } }).ended;

  async function commit(text: string, subject: string): Promise<string> {
    await writeFile(join(repository(), MANIFEST), text);
    await run('git', ['-C', repository(), '-c', 'user.name=Ann', '-c', 'user.email=ann@lab.test', 'commit', '--quiet', '--all', '--message', subject]);
    return (await run('git', ['-C', repository(), 'rev-parse', 'HEAD'])).stdout.trim();
  }

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    before = await world.testify('before');
    goodPlan = await readFile(world.paths.plan, 'utf8');
    goodSpec = await readFile(join(repository(), MANIFEST), 'utf8');
    await commit(goodSpec.replace('  replicas: 1\n', '  replicas: 2\n  autoscaling: { max: 1 }\n'), 'scale the notifier');
    await world.editPlan((spec: YamlDocument) => {
      spec.health[0].expect.status = 418;
      spec.health[0].timeout = '3s';
    });
    await world.destroy();
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('stops where the platform refuses the spec, and says that a cause in git needs another commit', async () => {
    const stop = resultOf(await world.cli('rebuild', ...FENCED), 5);
    id = stop.run;
    expect(stop.error).toMatchObject({ code: 'KUBE_REFUSED', message: expect.stringContaining(BROKEN) });
    expect(stop.error.suggestions.join()).toContain('--commit');
    expect(statesOf(stop)).toMatchObject({ provision: 'succeeded', volumes: 'succeeded', specs: 'failed' });
  });

  it('stays at its commit while git is mended, as long as nobody names the new one', async () => {
    const mended = await commit(goodSpec, 'scale the notifier no more');
    const stop = resultOf(await world.cli('resume'), 5);
    expect(stop.error.message).toContain(BROKEN);

    const since = new Date().toISOString();
    const end = await world.cli('resume', '--commit', 'main');
    expect(shown(end)).toContainEqual(expect.stringMatching(new RegExp(`^changed: input: commit: "[0-9a-f]{40}" -> "${mended}"$`)));
    expect(shown(end)).toContainEqual(expect.stringContaining("step 'provision' (done; stands if it would make the same): with.commit"));
    const waiting = resultOf(end, 10);
    expect([waiting.error.code, statesOf(waiting)['confirm']]).toEqual(['GATE_WAITING', 'waiting']);
    expect(await parentWrites(since)).toEqual([]);
  });

  it('goes on with the new commit once it is confirmed as the old one was, without doing anything twice, to the fault in the plan', async () => {
    const since = new Date().toISOString();
    const stop = resultOf(await world.cli('resume', '--confirm', 'small'), 6);
    expect(stop.error).toMatchObject({ code: 'HEALTH_NOT_PROVEN', message: expect.stringContaining('418') });
    expect(statesOf(stop)).toMatchObject({ specs: 'succeeded', 'verify-health': 'failed', cutover: 'blocked' });
    expect(stop.steps.filter(({ found }) => found).map(({ id: step }) => step)).toEqual(
      expect.arrayContaining(['lock', 'fence', 'retire', 'provision', 'volumes']),
    );
    expect(await parentWrites(since)).toEqual([]);
  });

  it('refuses a plan that touches what is done, with both values, and changes nothing', async () => {
    const since = new Date().toISOString();
    const lines = (await status()).lastAt;
    await world.editPlan((spec: YamlDocument) => {
      spec.cluster.provisioner = 'command';
      spec.cluster.command = ['/bin/true'];
    });
    const refused = resultOf(await world.cli('resume'), 4);
    expect(refused.error.code).toBe('RUN_CHANGED');
    expect(refused.error.message).toContain(`step 'lock' (done; cannot be changed): with.cluster.provisioner: "lattice" -> "command"`);
    expect(refused.error.message).toContain("step 'provision'");
    expect(await parentWrites(since)).toEqual([]);
    expect((await status()).lastAt).toBe(lines);
  });

  it('does not take over a mended plan that nobody typed, and prints the command that does', async () => {
    await writeFile(world.paths.plan, goodPlan);
    const refused = resultOf(await byEnvironment('resume'), 4);
    expect(refused.error.code).toBe('RUN_CHANGED');
    expect(refused.error.message).toContain('plan: health[name=shop.small.lab.test].expect.status: 418 -> 200');
    expect(refused.error.suggestions[0]).toMatch(new RegExp(`resume ${id} .*--plan ${world.paths.plan}$`));
  });

  it('takes it over when it is typed, and ends with everything back', async () => {
    const end = await world.cli('resume', '--approve', 'cutover');
    const done = resultOf(end, 0);
    expect(shown(end)).toContain('changed: plan: health[name=shop.small.lab.test].expect.status: 418 -> 200');
    expect(Object.values(statesOf(done)).filter((state) => state !== 'succeeded' && state !== 'skipped')).toEqual([]);
    expect(compareTestimonies(before, await world.testify('after')).filter(({ holds }) => !holds)).toEqual([]);
    expect((await status()).changes.map(({ number, by }) => [number, typeof by])).toEqual([
      [2, 'string'],
      [3, 'string'],
    ]);
  });

  async function status(): Promise<RunStatus> {
    return JSON.parse((await world.cli('status', id)).stdout) as RunStatus;
  }
});
