import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openFolderRunStore } from '../../src/adapters/fs/folder-run-store.ts';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { createSshSignatures } from '../../src/adapters/process/ssh-signatures.ts';
import { defaultStateFolder } from '../../src/cli/state-store.ts';
import { encodeEntry, type InboxRequest, inboxPrefix, signedText } from '../../src/engine/inbox-entry.ts';
import { readRun, type StoredRun } from '../../src/engine/run-files.ts';
import type { RequestRecord } from '../../src/engine/run-state.ts';
import type { RunId, StepId } from '../../src/model/ids.ts';
import type { ObjectRef } from '../../src/model/kube-object.ts';
import type { RunStore } from '../../src/ports/run-store.ts';
import { type CliEnd, type RunningCli, startCli } from '../support/cli.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';

const MINUTE = 60_000;
const execute = promisify(execFile);
const OLD: ObjectRef = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster', name: 'small' };
const NOBODY_SAW = `sha256:${'0'.repeat(64)}` as const;

type Person = 'ann' | 'bob' | 'eve';

interface Result {
  readonly state?: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly steps?: readonly { readonly id: string; readonly state: string; readonly reason?: string }[];
}

function resultOf(end: CliEnd, code: number): Result {
  expect(end.code, `${end.stdout.slice(-2_000)}\n${end.stderr.slice(-3_000)}`).toBe(code);
  return JSON.parse(end.stdout) as Result;
}

function statesOf({ steps = [] }: Result): Readonly<Record<string, string>> {
  return Object.fromEntries(steps.map(({ id, state }) => [id, state]));
}

/** One cluster, one plan that requires signatures of two named persons; every command is a process of its own. The order of the tests is fixed: each goes on where the last one stopped. */
describe('a run that persons steer from other terminals', { shuffle: false }, () => {
  let world: RebuildWorld;
  let store: RunStore;
  let runbook: string;
  let run: RunId;
  let owner: RunningCli | undefined;
  let shell: ChildProcess | undefined;

  const key = (person: Person): string => join(world.directory, `key-${person}`);
  const signed = (person: Person, as: string = person): readonly string[] => ['--sign', key(person), '--as', as];
  /** The seal is older than the rule that seals are signed. */
  const unsealed = (): readonly string[] => ['--accept-unanchored', world.backup];
  const stored = async (): Promise<StoredRun> => await readRun(store, run);

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    await Promise.all(
      (['ann', 'bob', 'eve'] as const).map((person) => execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', person, '-f', key(person)])),
    );
    const lines = await Promise.all((['ann', 'bob'] as const).map(async (person) => `${person} ${await readFile(`${key(person)}.pub`, 'utf8')}`));
    const file = join(world.directory, 'allowed-signers');
    await writeFile(file, lines.join(''));
    // In its place where nothing says another, so that a command without a word finds it.
    await world.editPlan((spec) => {
      delete spec.state;
    });
    await world.seal();
    await world.editPlan((spec) => {
      spec.approvers = ['ann', 'bob'];
      spec.approvals = { allowedSigners: { file }, required: true };
    });
    runbook = await world.copyRunbook((step) => {
      step('cutover').gate.approve = 2;
    });
    store = await openFolderRunStore(defaultStateFolder(world.env));
    await world.destroy();
  }, 3 * MINUTE);

  afterAll(async () => {
    owner?.child.kill('SIGKILL');
    shell?.kill('SIGKILL');
    await world[Symbol.asyncDispose]();
  });

  function running(): RunningCli {
    if (owner === undefined) throw new Error('nothing was started');
    return owner;
  }

  /** Waits for a question of the running owner, and gives the digest of what it shows. */
  async function asked(step: string): Promise<`sha256:${string}`> {
    const event = await running().event((seen) => seen.type === 'gate' && seen.step === step && seen.state === 'asked');
    run = event.run;
    const shown = (await stored()).state.steps.get(step as StepId)?.asked?.shown;
    if (shown === undefined) throw new Error(`${step} does not ask`);
    return shown;
  }

  /** Puts an entry into the inbox that no proper sender would write, and waits for what becomes of it. */
  async function drop(fields: Partial<InboxRequest>, forge: (text: string) => Promise<string> | undefined): Promise<RequestRecord> {
    const id = `dropped-${Math.round(performance.now())}`;
    const { nonce = '' } = (await stored()).state.owners.at(-1) ?? {};
    const request: InboxRequest = {
      id,
      run,
      owner: nonce,
      verb: 'approve',
      by: 'ann',
      host: 'there',
      at: new Date().toISOString(),
      confirm: 'small',
      ...fields,
    };
    const signature = await forge(signedText(request));
    await store.putIfAbsent(`${inboxPrefix(run)}${id}`, encodeEntry({ format: 1, request, ...(signature === undefined ? {} : { signature }) }));
    return await vi.waitUntil(async () => (await stored()).state.requests.get(id), { timeout: 20_000, interval: 250 });
  }

  it(
    'refuses an unsigned, a forged, a stale and a foreign approval, and takes the one that is none of these',
    async () => {
      const signatures = createSshSignatures({ processes: createProcesses({ env: world.env }), purpose: 'approval' });
      const sign = async (text: string, person: Person): Promise<string> => await signatures.sign(text, key(person), AbortSignal.timeout(MINUTE));
      owner = world.start(['rebuild', '--runbook', runbook, ...unsealed(), '--wait-for-answers', '10m']);
      const shown = await asked('confirm');
      const step = 'confirm' as StepId;

      const unsigned = resultOf(await world.cli('approve', run, 'confirm', '--shown', shown, '--confirm', 'small'), 4);
      expect(unsigned.error).toMatchObject({ code: 'REQUEST_REJECTED', message: expect.stringContaining('not among the plan') });
      const forged = [
        await drop({ step, shown }, () => undefined),
        await drop({ step, shown }, async (text) => await sign(text.replace('"confirm":"small"', '"confirm":"other"'), 'ann')),
        await drop({ step, shown, by: 'bob' }, async (text) => await sign(text, 'ann')),
        await drop({ step, shown }, async (text) => await sign(text, 'eve')),
        await drop({ step, shown: NOBODY_SAW }, async (text) => await sign(text, 'ann')),
      ];
      expect(forged.map(({ outcome, reason }) => `${outcome}: ${reason ?? ''}`)).toEqual([
        expect.stringContaining('rejected: the plan requires a signature'),
        expect.stringContaining("rejected: ssh-keygen does not accept the signature for 'ann'"),
        expect.stringContaining("rejected: ssh-keygen does not accept the signature for 'bob'"),
        expect.stringContaining("rejected: ssh-keygen does not accept the signature for 'ann'"),
        expect.stringContaining('rejected: it is stale'),
      ]);
      expect((await stored()).state.steps.get(step)?.decisions).toEqual([]);

      const accepted = await world.cli('approve', run, 'confirm', '--shown', shown, '--confirm', 'small', ...signed('ann'));
      expect(resultOf(accepted, 0)).toMatchObject({ verb: 'approve', step: 'confirm', by: 'ann', signed: true });
    },
    2 * MINUTE,
  );

  it(
    'shows what a gate shows, asks for a digest where there is no terminal, and hands a statement on',
    async () => {
      const shown = await asked('fence-writes');
      const unseen = resultOf(await world.cli('approve', run, 'fence-writes', '--attest', 'every process has ended', ...signed('bob')), 10);
      expect(unseen.error?.message).toContain(shown);
      resultOf(await world.cli('approve', run, 'fence-writes', '--attest', 'every process has ended', '--shown', shown, ...signed('bob')), 0);
      await running().event((event) => event.type === 'step-state' && event.step === 'provision' && event.state === 'running');
      expect((await stored()).state.steps.get('fence-writes' as StepId)?.attestations).toEqual([
        expect.objectContaining({ by: 'bob', text: 'every process has ended' }),
      ]);
    },
    2 * MINUTE,
  );

  it(
    'is paused by anybody: what runs ends, nothing new starts, and the owner says who and exits 10',
    async () => {
      resultOf(await world.cli('pause', run, '--reason', 'the network team looks first'), 0);
      const paused = resultOf(await running().ended, 10);
      expect(paused.error).toMatchObject({ code: 'RUN_PAUSED', message: expect.stringMatching(/^paused by .*: the network team looks first$/) });
      expect(statesOf(paused)).toMatchObject({ provision: 'succeeded', ready: 'waiting', specs: 'blocked' });
      const late = resultOf(await world.cli('cancel', run), 4);
      expect(late.error).toMatchObject({ code: 'RUN_NOT_RUNNING', message: expect.stringContaining('it has ended') });
    },
    2 * MINUTE,
  );

  /** What `status` tells to type about the run, typed without a word as somebody does who has nothing but the machine, and in another folder than before. */
  async function toldNext(): Promise<string> {
    const { stdout, stderr } = await startCli(['status'], { env: world.env, cwd: world.directory }).ended;
    const [, command = ''] = new RegExp(`^${run}: .*\\n.*\\n  .*:\\n {4}(.*)$`, 'm').exec(stdout) ?? [];
    expect(command, stdout + stderr).toContain(` resume ${run}`);
    return command;
  }

  /** Runs a line in a shell, as it stands. */
  function typed(line: string): Promise<number | null> {
    const child = spawn('sh', ['-c', `exec ${line}`], { env: world.env, cwd: world.directory, stdio: 'ignore' });
    shell = child;
    return new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  }

  it(
    'goes on by the commands that plain status tells to type, and takes two persons to move the users, with everything proven at the end',
    async () => {
      expect(await typed(await toldNext())).toBe(10);
      const stopped = await stored();
      expect(['ready', 'specs', 'cutover'].map((id) => stopped.state.steps.get(id as StepId)?.state)).toEqual(['succeeded', 'succeeded', 'waiting']);

      const waits = await toldNext();
      expect(waits).toMatch(/ --wait-for-answers \S+$/);
      const ended = typed(waits);
      const shown = await vi.waitUntil(
        async () => {
          const { state } = await stored();
          const { state: now, asked } = state.steps.get('cutover' as StepId) ?? {};
          return state.owners.length > stopped.state.owners.length && now === 'waiting' ? asked?.shown : undefined;
        },
        { timeout: 2 * MINUTE, interval: 500 },
      );
      const approve = async (person: Person): Promise<CliEnd> => await world.cli('approve', run, 'cutover', '--shown', shown, ...signed(person));
      expect(resultOf(await approve('ann'), 0)).toMatchObject({ open: 1 });
      expect(resultOf(await approve('ann'), 4).error?.message).toContain("'ann' has approved step 'cutover' already");
      expect(resultOf(await approve('bob'), 0)).not.toHaveProperty('open');
      expect(await ended).toBe(0);
      const { state } = await stored();
      expect(state.end?.state).toBe('succeeded');
      expect(state.steps.get('cutover' as StepId)?.decisions.map(({ how, signed: proof }) => [how, proof?.principal])).toEqual([
        ['inbox', 'ann'],
        ['inbox', 'bob'],
      ]);
    },
    4 * MINUTE,
  );

  it(
    'cannot skip a safety step; overriding it puts a new gate on what destroys, which names it and can be declined from elsewhere',
    async () => {
      const short = await world.copyRunbook((_step, spec) => {
        const wanted = ['lock', 'preflight', 'sources', 'confirm', 'fence-writes', 'retire'];
        spec.steps = spec.steps.filter((one: { id: string }) => wanted.includes(one.id));
        for (const one of spec.steps) one.needs = (one.needs ?? []).filter((need: string) => wanted.includes(need));
        spec.steps.find((one: { id: string }) => one.id === 'confirm').needs = ['sources'];
        delete spec.steps.find((one: { id: string }) => one.id === 'confirm').gate;
        const { fenced } = spec.steps.find((one: { id: string }) => one.id === 'retire').with;
        for (const of of ['commanded', 'stated']) delete fenced[of];
      });
      const start = ['rebuild', '--runbook', short, ...unsealed()];
      const refused = resultOf(await world.cli(...start, '--skip', 'fence-writes=no time'), 2);
      expect(refused.error?.message).toContain('is a safety step');
      const unnamed = resultOf(await world.cli(...start, '--override-safety', 'fence-writes=the buckets are gone'), 2);
      expect(unnamed.error?.message).toContain('--confirm small');

      owner = world.start([...start, '--override-safety', 'fence-writes=the buckets are gone', '--confirm', 'small', '--wait-for-answers', '10m']);
      const shown = await asked('retire');
      const gate = (await stored()).state.steps.get('retire' as StepId)?.asked?.gate;
      expect(gate?.reason).toMatch(/NOT PROVEN: fence-writes overridden by .*: the buckets are gone/);
      expect(resultOf(await world.cli('skip', run, 'lock', '--reason', 'why', ...signed('ann')), 4).error?.message).toContain('is a safety step');
      resultOf(await world.cli('decline', run, 'retire', '--shown', shown, '--reason', 'not without the fence', ...signed('bob')), 0);
      const declined = resultOf(await running().ended, 7);
      expect(declined.error).toMatchObject({ code: 'GATE_DECLINED', message: expect.stringContaining('bob declined') });
      expect(declined.steps?.find(({ id }) => id === 'fence-writes')).toMatchObject({
        state: 'skipped',
        reason: expect.stringContaining('safety overridden by'),
      });
      const report = resultOf(await world.cli('report', run), 0) as { readonly unproven?: readonly unknown[] };
      expect(report.unproven).toEqual([expect.objectContaining({ step: 'fence-writes', reason: 'the buckets are gone' })]);
    },
    3 * MINUTE,
  );

  it(
    'an override that a second person approves goes on to its end, which says what nobody has proven',
    async () => {
      await using parent = await world.open(world.lab.parent);
      const before = await parent.get(OLD, AbortSignal.timeout(MINUTE));
      owner = world.start(['resume', run, '--wait-for-answers', '10m']);
      const shown = await asked('retire');
      resultOf(await world.cli('approve', run, 'retire', '--shown', shown, ...signed('bob')), 0);
      const ended = resultOf(await running().ended, 0);
      expect(statesOf(ended)).toMatchObject({ 'fence-writes': 'skipped', retire: 'succeeded' });
      const left = await parent.get(OLD, AbortSignal.timeout(MINUTE));
      expect([before?.metadata.uid, left]).toEqual([expect.any(String), undefined]);
      const report = resultOf(await world.cli('report', run), 0) as { readonly unproven?: readonly unknown[] };
      expect(report.unproven).toEqual([expect.objectContaining({ step: 'fence-writes', reason: 'the buckets are gone' })]);
    },
    3 * MINUTE,
  );
});
