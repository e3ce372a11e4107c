import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import { ABORT_GRACE_MS } from '../../src/engine/deadline.ts';
import { TAKE_OVER_WAIT_MS } from '../../src/engine/owner-times.ts';
import type { LabCluster, LabConfig } from '../../src/lab/config.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { getCluster } from '../../src/lab/state.ts';
import type { RunId } from '../../src/model/ids.ts';
import type { RunList } from '../../src/operations/list-runs.ts';
import type { RunStatus } from '../../src/operations/run-status.ts';
import { type AuditEntry, readS3Access } from '../integration/lab-logs.ts';
import { createTestLab, type TestLab } from '../integration/lab-world.ts';
import { type CliEnd, type RunningCli, startCli } from '../support/cli.ts';
import { layOutMachine, providerFile, STATE_BUCKET } from '../support/few-steps.ts';
import { makeStateBucket } from '../support/state-bucket.ts';
import { Terminal } from '../support/terminal.ts';
import { describeWrite, writesOf } from '../support/written.ts';

const MINUTE = 60_000;
const MACHINE_NAME = join(import.meta.dirname, '..', 'support', 'machine-name.ts');
const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'lattice-system' } } as const;

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

const timeOf = (at = ''): number => Date.parse(at);

/** Two machines share nothing but a bucket and what a team has in its safe. Each command is a process with the home, folder and state of its machine. The tests go on where the last one stopped. */
describe('a run whose state is in S3, steered from another machine', { shuffle: false }, () => {
  let lab: TestLab;
  let config: LabConfig;
  let parent: LabCluster;
  let here: string;
  let there: string;
  let run: RunId;
  let owner: RunningCli | undefined;

  const provider = (): string => providerFile(lab);

  function envOf(machine: string): NodeJS.ProcessEnv {
    const home = join(machine, 'home');
    const folders = { HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CACHE_HOME: join(home, 'cache') };
    return { PATH: process.env['PATH'] ?? '', MACHINE_NAME: basename(machine), ...folders };
  }

  function start(machine: string, ...args: readonly string[]): RunningCli {
    const plan = args.includes('--plan') ? [] : ['--plan', 'plan.yaml'];
    return startCli([...args, ...plan, '--json'], { env: envOf(machine), cwd: machine, preload: MACHINE_NAME });
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
    await makeStateBucket(config, STATE_BUCKET);
    await using kube = await openCluster({ kubeconfigPath: parent.kubeconfigs.admin }, { clock: systemClock, env: process.env });
    await kube.apply(NAMESPACE, { fieldManager: 'test', signal: AbortSignal.timeout(MINUTE) });
    const servers = { directory: lab.directory, config, parent };
    [here, there] = [await layOutMachine(servers, 'here'), await layOutMachine(servers, 'there')];
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
    'somebody at a terminal elsewhere sees the steps of the run and how they go on, and leaves by Ctrl-C without harm to it',
    async () => {
      await writeFile(provider(), 'ok');
      owner = start(here, 'rebuild', '--runbook', 'few.yaml', '--wait-for-answers', '5m');
      await until('look', 'waiting');
      const watch = (): Terminal => Terminal.open(['attach', run, '--plan', 'plan.yaml'], { env: envOf(there), cwd: there });
      await using stays = watch();
      await using leaves = watch();
      for (const terminal of [stays, leaves]) await terminal.shows(/✔ lock .*\[/, /✔ act .*\[/, /\? look .*waiting: somebody looks/, /· unlock /);
      leaves.interrupt();
      expect(await leaves.end(), leaves.text).toEqual({ code: 0, restored: true });
      expect(leaves.text).toContain('not watching any more; the run goes on');
      expect(leaves.text).toMatch(/run \S+: running.*\(not watched any more\)/);

      const list = JSON.parse((await typed(there, 'status')).stdout) as RunList;
      expect(list.runs.find(({ id }) => id === run)?.standing).toBe('running');
      resultOf(await typed(there, 'approve', run, 'look', '--shown', await shownThere('look')), 0);
      expect(statesOf(resultOf(await running().ended, 0))).toEqual({ lock: 'succeeded', act: 'succeeded', look: 'succeeded', unlock: 'succeeded' });
      expect(await stays.end(), stays.text).toEqual({ code: 0, restored: true });
      expect(stays.text).toMatch(/✔ look [^]*✔ unlock [^]*run \S+: succeeded/);
      expect(leaves.text).not.toContain('✔ unlock');
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

      const resumed = resultOf(await typed(there, 'resume', run, '--plan', 'makes.yaml', '--approve', 'look'), 0);
      expect(statesOf(resumed)).toEqual({ lock: 'succeeded', act: 'succeeded', look: 'succeeded', unlock: 'succeeded' });
      expect(await calls()).toBe(before + 2);
    },
    3 * MINUTE,
  );

  it(
    'is paused there, goes on there, and a gate is declined from the first machine',
    async () => {
      owner = start(here, 'rebuild', '--runbook', 'few.yaml', '--wait-for-answers', '5m');
      await until('act', 'succeeded');
      await until('look', 'waiting');
      expect(resultOf(await typed(there, 'pause', run, '--reason', 'the network team looks first'), 0)).toMatchObject({ verb: 'pause' });
      const paused = resultOf(await running().ended, 10);
      expect(paused.error).toMatchObject({ code: 'RUN_PAUSED', message: expect.stringContaining('the network team looks first') });

      owner = start(there, 'resume', run, '--wait-for-answers', '5m');
      await until('look', 'waiting');
      const shown = await shownThere('look');
      const decline = ['decline', run, 'look', '--shown', shown, '--reason', 'not this cluster'];
      expect(resultOf(await typed(here, ...decline), 0)).toMatchObject({ verb: 'decline', step: 'look' });
      const declined = resultOf(await running().ended, 7);
      expect(declined.error).toMatchObject({ code: 'GATE_DECLINED', message: expect.stringContaining('not this cluster') });
      expect(statesOf(declined)).toMatchObject({ act: 'succeeded', unlock: 'blocked' });
    },
    3 * MINUTE,
  );

  it(
    'a take-over in the middle of a step of 60 s: the old owner ends what it does at its next line, and the newcomer begins after that, both by the logs of the servers',
    async () => {
      owner = start(here, 'rebuild', '--plan', 'writes.yaml', '--runbook', 'slow.yaml', '--wait-for-answers', '5m');
      await until('act', 'waiting');
      await vi.waitUntil(async () => (await writtenBy('here')).length > 2, { timeout: MINUTE, interval: 200 });
      const newcomer = start(there, 'resume', run, '--plan', 'writes.yaml', '--take-over', 'the first city has no power', '--approve', 'act');
      const replaced = resultOf(await running().ended, 8);
      expect(replaced.error).toMatchObject({ code: 'RUN_REPLACED', message: expect.stringMatching(/on host 'there' \(the first city has no power\)/) });
      owner = newcomer;
      // What became of the program that was ended, nobody can know but a person; it is not run again. The other step does not hang on it.
      const end = resultOf(await newcomer.ended, 10);
      expect(end.error?.code).toBe('STEP_UNKNOWN');
      expect(statesOf(end)).toMatchObject({ act: 'succeeded' });

      // Of two that wrote the same object of the journal the old owner was refused: that was its next line.
      const log = await readS3Access(config.s3.accessLogPath);
      const appends = log.filter(({ operation, key }) => operation === 's3_PutObject' && key.includes(`/${run}/journal/`));
      const refused = appends.find(({ status }) => status === 412);
      const fence = appends.find(({ key, status }) => key === refused?.key && status === 200);
      const [fencedAt, refusedAt] = [timeOf(fence?.at), timeOf(refused?.at)];
      const old = await writtenBy('here');
      const lastOld = Math.max(...old.map(({ endedAt }) => timeOf(endedAt)));
      const others = (await writesOf(parent.auditLogPath, old[0]?.at)).filter(({ manager }) => manager !== 'here');
      const firstNew = timeOf(others[0]?.at);
      // The old owner was at work when it was fenced, and until it learned so, but not to the end of its time; the log of the S3 server knows no less than seconds.
      expect(lastOld).toBeGreaterThanOrEqual(fencedAt);
      expect(lastOld - refusedAt).toBeLessThan(ABORT_GRACE_MS + 1_000);
      expect(lastOld - timeOf(old[0]?.at)).toBeLessThan(MINUTE);
      // The newcomer did one thing, once, after all of that.
      expect(others.map(describeWrite)).toEqual(['patch configmaps default/written-by-there']);
      expect(firstNew).toBeGreaterThan(Math.max(lastOld, refusedAt));
      expect(firstNew - (fencedAt + 1_000)).toBeGreaterThanOrEqual(TAKE_OVER_WAIT_MS);
    },
    4 * MINUTE,
  );

  /** What programs of a machine wrote to the cluster, by the audit log. */
  async function writtenBy(machine: string): Promise<readonly AuditEntry[]> {
    return (await writesOf(parent.auditLogPath)).filter(({ manager }) => manager === machine);
  }

  async function pidOfProgram(): Promise<number> {
    return Number(await readFile(`${provider()}.pid`, 'utf8'));
  }
});
