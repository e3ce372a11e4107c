import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import type { LabCluster, LabConfig } from '../../src/lab/config.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { getCluster } from '../../src/lab/state.ts';
import type { RunId } from '../../src/model/ids.ts';
import type { RunList } from '../../src/operations/list-runs.ts';
import type { RunStatus } from '../../src/operations/run-status.ts';
import { createTestLab, type TestLab } from '../integration/lab-world.ts';
import { type CliEnd, type RunningCli, startCli } from '../support/cli.ts';
import { makeStateBucket } from '../support/state-bucket.ts';
import { describeWrite, writesOf } from '../support/written.ts';

const MINUTE = 60_000;
const BUCKET = 'dr-state';
const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'lattice-system' } } as const;
/** Fails while there is no file `ok` beside it, and never ends while it holds `hang`. */
const PROGRAM = `import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
const ok = process.argv[2];
if (!existsSync(ok)) { console.log('the provider does not answer'); process.exit(1); }
if (readFileSync(ok, 'utf8') === 'hang') { writeFileSync(ok + '.pid', String(process.pid)); setInterval(() => undefined, 1_000); }
else { appendFileSync(ok + '.calls', 'off\\n'); console.log('off'); }
`;

interface Result {
  readonly run?: RunId;
  readonly state?: string;
  readonly error?: { readonly code: string; readonly message: string; readonly suggestions: readonly string[] };
  readonly steps?: readonly { readonly id: string; readonly state: string; readonly reason?: string }[];
  readonly details?: { readonly shown?: string };
}

function resultOf(end: CliEnd, code: number): Result {
  expect(end.code, `${end.stdout.slice(-2_000)}\n${end.stderr.slice(-3_000)}`).toBe(code);
  return JSON.parse(end.stdout) as Result;
}

function statesOf({ steps = [] }: Result): Readonly<Record<string, string>> {
  return Object.fromEntries(steps.map(({ id, state }) => [id, state]));
}

/**
 * Four steps on a real API server: a lock, a program of the operator, something that waits for a person, and the end of the lock. `relies`: the one that waits
 * comes after the fence and relies on its proof.
 */
function runbook(relies = false): string {
  const cluster = '${{ plan.cluster }}';
  const fenced = { fenced: { commanded: '${{ steps.act.outputs.expiresAt }}' } };
  const steps = [
    { id: 'lock', uses: 'lock/parent', with: { cluster } },
    { id: 'act', uses: 'fence/command', needs: ['lock'], with: { fence: '${{ plan.fence }}' } },
    {
      id: 'look',
      uses: 'cluster/provision',
      needs: [relies ? 'act' : 'lock'],
      gate: { approve: 1, reason: 'somebody looks at the cluster first' },
      with: { cluster, specs: '${{ plan.specs }}', commit: 'none', ...(relies ? fenced : {}) },
    },
    { id: 'unlock', uses: 'lock/release', needs: ['act', 'look'], with: { cluster } },
  ];
  return stringify({
    apiVersion: 'dr.lattice.dev/v1alpha1',
    kind: 'Runbook',
    metadata: { name: 'few' },
    spec: { description: 'A few steps', keepGoing: true, steps },
  });
}

/** Two machines share nothing but a bucket and what a team has in its safe. Each command is a process with the home, folder and state of its machine. The tests go on where the last one stopped. */
describe('a run whose state is in S3, steered from another machine', { shuffle: false }, () => {
  let lab: TestLab;
  let config: LabConfig;
  let parent: LabCluster;
  let here: string;
  let there: string;
  let run: RunId;
  let owner: RunningCli | undefined;

  const provider = (): string => join(lab.directory, 'provider-ok');

  async function layOut(name: string): Promise<string> {
    const folder = join(lab.directory, name);
    await mkdir(join(folder, 'home'), { recursive: true });
    await copyFile(parent.kubeconfigs.public, join(folder, 'parent.yaml'));
    await copyFile(config.s3.credentialsPath, join(folder, 's3.credentials'));
    const kubeconfig = { kubeconfig: { file: './parent.yaml' } };
    const { region, endpoint } = config.s3;
    const spec = {
      cluster: { name: 'few', provisioner: 'existing', parent: kubeconfig, existing: kubeconfig },
      specs: { git: { repository: './specs', ref: 'main' }, profile: 'kubernetes' },
      objectives: { rto: '10m', rpo: '1h' },
      fence: { command: [process.execPath, join(lab.directory, 'program.mjs'), provider()], expires: '15s' },
      state: { s3: { bucket: BUCKET, prefix: 'runs', region, endpoint, credentials: { file: './s3.credentials' } } },
    };
    // What relies on the fence has to do something: here it makes the cluster, by a program that says where its kubeconfig is.
    const making = { name: 'few', provisioner: 'command', parent: kubeconfig, command: [process.execPath, '-p', JSON.stringify(parent.kubeconfigs.public)] };
    const plans = { 'plan.yaml': spec, 'makes.yaml': { ...spec, cluster: making } };
    for (const [file, of] of Object.entries(plans))
      await writeFile(join(folder, file), stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'RecoveryPlan', metadata: { name }, spec: of }));
    await writeFile(join(folder, 'few.yaml'), runbook());
    await writeFile(join(folder, 'relies.yaml'), runbook(true));
    return folder;
  }

  function start(machine: string, ...args: readonly string[]): RunningCli {
    const home = join(machine, 'home');
    const env = { PATH: process.env['PATH'] ?? '', HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CACHE_HOME: join(home, 'cache') };
    return startCli([...args, ...(args.includes('--plan') ? [] : ['--plan', 'plan.yaml']), '--json'], { env, cwd: machine });
  }

  const typed = async (machine: string, ...args: readonly string[]): Promise<CliEnd> => await start(machine, ...args).ended;
  const running = (): RunningCli => owner ?? expect.unreachable('nothing was started');

  /** Waits until the owner has come to a state of a step. */
  async function until(step: string, state: string): Promise<void> {
    const event = await running().event((seen) => seen.type === 'step-state' && seen.step === step && seen.state === state);
    run = event.run;
  }

  /** Digest of what a gate shows, as it is told on another machine. */
  async function shownThere(step: string): Promise<string> {
    const told = resultOf(await typed(there, 'approve', run, step), 10);
    return /sha256:[0-9a-f]{64}/.exec(told.error?.message ?? '')?.[0] ?? '';
  }

  beforeAll(async () => {
    lab = await createTestLab();
    config = await labUp({ ...lab.operation, only: ['s3', 'parent'] });
    parent = await getCluster(lab.directory, config.parent);
    await makeStateBucket(config, BUCKET);
    await using kube = await openCluster({ kubeconfigPath: parent.kubeconfigs.admin }, { clock: systemClock, env: process.env });
    await kube.apply(NAMESPACE, { fieldManager: 'test', signal: AbortSignal.timeout(MINUTE) });
    await writeFile(join(lab.directory, 'program.mjs'), PROGRAM);
    [here, there] = await Promise.all([layOut('here'), layOut('there')]);
  }, 4 * MINUTE);

  afterAll(async () => {
    owner?.child.kill('SIGKILL');
    await lab[Symbol.asyncDispose]();
  });

  it(
    'a failed step is tried again and another one left out, and the run ends well',
    async () => {
      owner = start(here, 'rebuild', '--runbook', 'few.yaml', '--wait-for-answers', '5m');
      await until('look', 'waiting');
      await until('act', 'failed');
      const list = JSON.parse((await typed(there, 'status')).stdout) as RunList;
      expect(list.runs.map(({ id, standing }) => [id, standing])).toEqual([[run, 'running']]);

      expect(resultOf(await typed(there, 'skip', run, 'lock', '--reason', 'why'), 4).error?.message).toContain('is a safety step');
      expect(resultOf(await typed(there, 'retry', run, 'look'), 4).error?.message).toContain('it has not failed');
      await writeFile(provider(), 'ok');
      expect(resultOf(await typed(there, 'retry', run, 'act'), 0)).toMatchObject({ verb: 'retry', step: 'act' });
      expect(resultOf(await typed(there, 'skip', run, 'look', '--reason', 'the network team has looked'), 0)).toMatchObject({ verb: 'skip', step: 'look' });

      const ended = resultOf(await running().ended, 0);
      expect(ended.state).toBe('succeeded');
      expect(statesOf(ended)).toEqual({ lock: 'succeeded', act: 'succeeded', look: 'skipped', unlock: 'succeeded' });
      expect(ended.steps?.find(({ id }) => id === 'look')?.reason).toContain('the network team has looked');
      const report = JSON.parse((await typed(there, 'report', run)).stdout) as { readonly people: readonly { readonly what: string }[] };
      expect(report.people.map(({ what }) => what)).toContain('look: left out: the network team has looked');
      // The lock on the real server was taken and given back once.
      const leases = (await writesOf(parent.auditLogPath)).map(describeWrite).filter((call) => call.includes('lattice-dr-few'));
      expect(leases).toEqual(['create leases lattice-system/lattice-dr-few', 'delete leases lattice-system/lattice-dr-few']);
    },
    3 * MINUTE,
  );

  it(
    'a run is cancelled in the middle of a program, which is ended with it, while somebody watches',
    async () => {
      await writeFile(provider(), 'hang');
      owner = start(here, 'rebuild', '--runbook', 'few.yaml', '--wait-for-answers', '5m');
      await until('act', 'running');
      await until('look', 'waiting');
      const watching = start(there, 'attach', run);
      await watching.event((event) => event.type === 'step-state' && event.step === 'look');
      const refused = resultOf(await typed(there, 'rebuild', '--runbook', 'few.yaml'), 8);
      expect(refused.error?.suggestions.join('\n')).toMatch(new RegExp(`run\\.js attach ${run} --plan .*\\n[^]*run\\.js cancel ${run} --plan `));

      expect(resultOf(await typed(there, 'cancel', run, '--reason', 'the old cluster is back'), 0)).toMatchObject({ verb: 'cancel' });
      const ended = resultOf(await running().ended, 130);
      expect(ended.error).toMatchObject({ code: 'CANCELLED', message: expect.stringContaining('the old cluster is back') });
      expect(statesOf(ended)).toMatchObject({ lock: 'succeeded', unlock: 'cancelled' });
      expect(JSON.parse((await watching.ended).stdout)).toMatchObject({ run, standing: 'cancelled' });
      await expect(readdir(`/proc/${await pidOfProgram()}`)).rejects.toMatchObject({ code: 'ENOENT' });
      expect(resultOf(await typed(there, 'cancel', run), 4).error).toMatchObject({ code: 'RUN_NOT_RUNNING' });
    },
    3 * MINUTE,
  );

  it(
    'what was cancelled here is completed there, and approved from the first machine',
    async () => {
      await writeFile(provider(), 'ok');
      owner = start(there, 'resume', run, '--wait-for-answers', '5m');
      await until('act', 'succeeded');
      const status = JSON.parse((await typed(here, 'status', run)).stdout) as RunStatus;
      expect(status.next[0]?.command).toMatch(new RegExp(` approve ${run} --plan .*/plan\\.yaml 'look'$`));
      const shown = await shownThere('look');
      resultOf(await typed(here, 'approve', run, 'look', '--shown', shown), 0);
      const ended = resultOf(await running().ended, 0);
      expect(statesOf(ended)).toEqual({ lock: 'succeeded', act: 'succeeded', look: 'succeeded', unlock: 'succeeded' });
      // Neither machine has kept state: all of it is in the bucket.
      for (const machine of [here, there]) expect((await readdir(join(machine, 'home'))).filter((name) => name === 'state')).toEqual([]);
    },
    3 * MINUTE,
  );

  it(
    'a fence that was proven too long ago stops what relies on it, and is made again by the resume, on either machine',
    async () => {
      const calls = async (): Promise<number> => (await readFile(`${provider()}.calls`, 'utf8')).split('\n').length - 1;
      const before = await calls();
      owner = start(here, 'rebuild', '--plan', 'makes.yaml', '--runbook', 'relies.yaml', '--wait-for-answers', '5m');
      await until('look', 'waiting');
      const shown = await shownThere('look');
      await sleep(15_500);
      resultOf(await typed(there, 'approve', run, 'look', '--shown', shown), 0);
      const stopped = resultOf(await running().ended, 4);
      expect(stopped.error).toMatchObject({ code: 'FENCE_NOT_PROVEN', message: expect.stringContaining("step 'look' relies on it") });
      expect(await calls()).toBe(before + 1);

      // The kubeconfig will be kept at another path there, which is shown at the gate, so the gate asks again.
      const resumed = resultOf(await typed(there, 'resume', run, '--plan', 'makes.yaml', '--approve', 'look'), 0);
      expect(statesOf(resumed)).toEqual({ lock: 'succeeded', act: 'succeeded', look: 'succeeded', unlock: 'succeeded' });
      expect(await calls()).toBe(before + 2);
    },
    3 * MINUTE,
  );

  async function pidOfProgram(): Promise<number> {
    return Number(await readFile(`${provider()}.pid`, 'utf8'));
  }
});
