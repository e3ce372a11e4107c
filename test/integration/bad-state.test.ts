import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CliEnd, startCli } from '../support/cli.ts';
import { canMount, inMounts } from '../support/mounts.ts';

const run = promisify(execFile);
const WORKER = join(import.meta.dirname, 'engine-worker.ts');
const STEPS = 12;
const PARTS = 3 * STEPS;

/** What the worker says of a run that it started or resumed; `undefined` when it threw. */
interface WorkerEnd {
  readonly state: string;
  readonly steps: readonly string[];
  readonly error?: string;
  /** What it remarks about the journal. */
  readonly said: readonly string[];
}

const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lattice-dr-state-'));
  folders.push(folder);
  return folder;
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** Runs the worker to its end; what it threw is the text of the error. */
async function work(folder: string, verb: 'start' | 'resume', preload?: string): Promise<WorkerEnd> {
  const { stdout } = await run(process.execPath, [...(preload === undefined ? [] : ['--import', preload]), WORKER, folder, verb]);
  return JSON.parse(stdout) as WorkerEnd;
}

/** Starts or resumes the worker and kills it once its journals have this many lines. */
async function killAt(folder: string, { verb, lines }: { readonly verb: 'start' | 'resume'; readonly lines: number }): Promise<void> {
  const child = spawn(process.execPath, [WORKER, folder, verb], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  while ((await journalText(folder).catch(() => '')).split('\n').length <= lines && child.exitCode === null) await sleep(2);
  child.kill('SIGKILL');
  await ended;
}

async function journalFolder(folder: string): Promise<string> {
  const runs = join(folder, 'state', 'runs');
  const [id] = await readdir(runs);
  return join(runs, id ?? '', 'journal');
}

async function segments(folder: string): Promise<readonly string[]> {
  const journal = await journalFolder(folder);
  return (await readdir(journal))
    .filter((name) => name.endsWith('.lines'))
    .sort()
    .map((name) => join(journal, name));
}

async function journalText(folder: string): Promise<string> {
  return (await Promise.all((await segments(folder)).map(async (file) => await readFile(file, 'utf8')))).join('');
}

/** Every part that was made, with how often. */
async function parts(folder: string): Promise<ReadonlyMap<string, number>> {
  const lines = (await readFile(join(folder, 'made'), 'utf8')).split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => [line, lines.filter((other) => other === line).length]));
}

async function expectAllMadeOnce(folder: string): Promise<void> {
  const made = await parts(folder);
  expect([made.size, [...made].filter(([, count]) => count > 1)]).toEqual([PARTS, []]);
}

/** What the program says about the run, of its own exit code. */
async function cli(folder: string, ...args: readonly string[]): Promise<CliEnd> {
  return await startCli([...args, '--state-dir', join(folder, 'state'), '--json'], { env: { ...process.env, XDG_STATE_HOME: join(folder, 'home') } }).ended;
}

function errorOf({ stdout }: CliEnd): { readonly code: string; readonly message: string; readonly details?: object } {
  return (JSON.parse(stdout) as { error: { code: string; message: string } }).error;
}

/** A state that a dead owner has left in the middle of a run, made once and copied by each test. */
describe('the state of a run that was killed half way', () => {
  let killed: string;

  beforeAll(async () => {
    killed = await mkdtemp(join(tmpdir(), 'lattice-dr-killed-'));
    await killAt(killed, { verb: 'start', lines: 40 });
    return async () => await rm(killed, { recursive: true, force: true });
  });

  async function copyOfKilled(): Promise<string> {
    const folder = await newFolder();
    await cp(killed, folder, { recursive: true });
    return folder;
  }

  it('goes on when it is sound', async () => {
    const folder = await copyOfKilled();
    expect(await work(folder, 'resume')).toMatchObject({ state: 'succeeded' });
    await expectAllMadeOnce(folder);
  });

  it('goes on under a clock that was set back, says by how much, and does nothing twice', async () => {
    const folder = await copyOfKilled();
    const { state, said } = await work(folder, 'resume', join(import.meta.dirname, '..', 'support', 'clock-behind.ts'));
    expect([state, said]).toEqual([
      'succeeded',
      [expect.stringMatching(/^the clock of this machine is (?:59m\S*|1h\S*|\d+m \d+s|1 h|59 min.*) behind the journal's last line/)],
    ]);
    await expectAllMadeOnce(folder);
  });

  it('with one byte of the journal flipped is refused with exit 4 and the line, nothing is done, and mended it goes on', async () => {
    const folder = await copyOfKilled();
    const [file = ''] = await segments(folder);
    const good = await readFile(file);
    const bad = Buffer.from(good);
    // Within a text of line 7, so that the line is still JSON and still an entry.
    const at = good.indexOf('step-', nthLine(good, 7)) + 1;
    bad[at] = (bad[at] ?? 0) ^ 0x20;
    await writeFile(file, bad);
    const made = await parts(folder);

    for (const verb of ['status', 'resume']) {
      const end = await cli(folder, verb, await runOf(folder));
      expect([verb, end.code, errorOf(end)]).toEqual([
        verb,
        4,
        expect.objectContaining({ code: 'JOURNAL_BROKEN', details: expect.objectContaining({ segment: 1, line: 7 }) }),
      ]);
    }
    await expect(work(folder, 'resume')).rejects.toThrow('JOURNAL_BROKEN');
    expect([await readFile(file), await parts(folder)]).toEqual([bad, made]);

    await writeFile(file, good);
    expect(await work(folder, 'resume')).toMatchObject({ state: 'succeeded' });
    await expectAllMadeOnce(folder);
  });

  it('with a flip that leaves a sound entry behind is refused at the next line, which was chained to it', async () => {
    const folder = await copyOfKilled();
    const [file = ''] = await segments(folder);
    const text = await readFile(file, 'utf8');
    const lines = text.split('\n');
    lines[5] = (lines[5] ?? '').replace(/"at":"2/, '"at":"3');
    await writeFile(file, lines.join('\n'));
    const end = await cli(folder, 'status', await runOf(folder));
    expect([end.code, errorOf(end)]).toEqual([
      4,
      expect.objectContaining({ code: 'JOURNAL_BROKEN', details: expect.objectContaining({ segment: 1, line: 7 }) }),
    ]);
  });

  it('with a tail cut off within a line loses nothing that was promised, says what was cut, and does nothing twice', async () => {
    const folder = await copyOfKilled();
    const [file = ''] = await segments(folder);
    const text = await readFile(file);
    const whole = text.subarray(0, text.lastIndexOf(10) + 1);
    await truncate(file, whole.length - 20);
    const { state, said } = await work(folder, 'resume');
    expect(state).toBe('succeeded');
    const cut = whole.length - 20 - whole.lastIndexOf(10, -2) - 1;
    expect(said).toEqual([`the last line was unfinished (${cut} bytes, segment 1) and has been cut; what it would have said is looked up in the world`]);
    expect(await journalText(folder)).toContain('"type":"repair"');
    await expectAllMadeOnce(folder);
  });

  it('with whole lines cut off its tail looks at the world, and does nothing twice', async () => {
    const folder = await copyOfKilled();
    const [file = ''] = await segments(folder);
    const text = await readFile(file, 'utf8');
    await writeFile(file, `${text.split('\n').slice(0, 20).join('\n')}\n`);
    expect(await work(folder, 'resume')).toMatchObject({ state: 'succeeded' });
    await expectAllMadeOnce(folder);
  });

  it('with two tails that join at one line counts the later owner, and does nothing twice that the other had done', async () => {
    const folder = await copyOfKilled();
    await killAt(folder, { verb: 'resume', lines: (await journalText(folder)).split('\n').length + 25 });
    const [, second = ''] = await segments(folder);
    const [owner = ''] = (await readFile(second, 'utf8')).split('\n');
    const journal = await journalFolder(folder);
    await cp(join(journal, '0002'), join(journal, '0003'));
    await writeFile(join(journal, '0003.lines'), `${owner}\n`);
    const before = await parts(folder);
    expect(before.size).toBeLessThan(PARTS);
    const replaced = (await readFile(second, 'utf8')).split('\n').length - 1;

    expect(await work(folder, 'resume')).toMatchObject({
      state: 'succeeded',
      said: [`${replaced} lines were written by an owner that had already been replaced; they do not count`],
    });
    await expectAllMadeOnce(folder);
  });

  it('with a tail that joins nowhere is refused with exit 4 and its segment', async () => {
    const folder = await copyOfKilled();
    const journal = await journalFolder(folder);
    const [file = ''] = await segments(folder);
    const stray = (await readFile(file, 'utf8')).split('\n')[12]?.replace(/"prev":"sha256:..../, '"prev":"sha256:0000') ?? '';
    await cp(join(journal, '0001'), join(journal, '0002'));
    await writeFile(join(journal, '0002.lines'), `${stray}\n`);
    const end = await cli(folder, 'resume', await runOf(folder));
    expect([end.code, errorOf(end)]).toEqual([
      4,
      expect.objectContaining({ code: 'JOURNAL_BROKEN', details: expect.objectContaining({ segment: 2, line: 1 }) }),
    ]);
    expect(await readdir(journal)).toHaveLength(4);
  });

  it('with another run.json than the one it started with is refused with exit 4', async () => {
    const folder = await copyOfKilled();
    const file = join(await journalFolder(folder), '..', 'run.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"name":"kill"', '"name":"gill"'));
    const end = await cli(folder, 'resume', await runOf(folder));
    expect([end.code, errorOf(end).code]).toEqual([4, 'RUN_CHANGED']);
  });

  async function runOf(folder: string): Promise<string> {
    return (await readdir(join(folder, 'state', 'runs')))[0] ?? '';
  }
});

function nthLine(text: Buffer, number: number): number {
  let at = 0;
  for (let line = 1; line < number; line += 1) at = text.indexOf(10, at) + 1;
  return at;
}

describe.skipIf(!canMount)('a place for state that takes nothing (needs root to mount one)', () => {
  it('because its disk is full: the run ends with the reason, nothing is begun without a line, and with space it goes on', async () => {
    const folder = await newFolder();
    await mkdir(join(folder, 'state'));
    const worker = `${process.execPath} ${WORKER} ${folder}`;
    // Small enough for the journal to outgrow it; what fills the rest leaves space for the second run.
    const lines = await inMounts([
      `mount -t tmpfs -o size=256k tmpfs ${folder}/state`,
      `dd if=/dev/zero of=${folder}/state/filler bs=1k count=236 status=none`,
      `${worker} start`,
      `wc -l < ${folder}/made`,
      `rm ${folder}/state/filler`,
      `${worker} resume`,
    ]);
    const [full, made, resumed] = lines;
    expect(JSON.parse(full ?? '')).toMatchObject({ state: 'failed', error: expect.stringMatching(/^cannot append to '.*': ENOSPC$/) });
    expect(Number(made)).toBeLessThan(PARTS);
    expect(Number(made)).toBeGreaterThan(0);
    expect(JSON.parse(resumed ?? '')).toMatchObject({ state: 'succeeded' });
    await expectAllMadeOnce(folder);
  });

  it.each([
    ['full', (state: string) => [`mount -t tmpfs -o size=8k tmpfs ${state}`, `dd if=/dev/zero of=${state}/filler bs=4k count=2 status=none || true`], 'ENOSPC'],
    ['read-only', (state: string) => [`mount --bind ${state} ${state}`, `mount -o remount,ro,bind ${state}`], 'EROFS'],
  ])('%s from the start: exit 5 with the reason and what to do, before anything outside is asked', async (_name, mount, cause) => {
    const folder = await newFolder();
    const state = join(folder, 'state');
    await mkdir(state);
    await writeFile(join(folder, 'plan.yaml'), PLAN);
    const program = join(import.meta.dirname, '..', '..', 'bin', 'dev.js');
    const command = `${process.execPath} ${program} rebuild --plan ${folder}/plan.yaml --state-dir ${state} --json`;
    const lines = await inMounts([...mount(state), `code=0; ${command} 2>${folder}/err || code=$?`, 'echo "exit $code"']);
    expect(lines.at(-1)).toBe('exit 5');
    const { error } = JSON.parse(lines.slice(0, -1).join('\n')) as { error: { code: string; message: string; suggestions: readonly string[] } };
    expect([error.code, error.message]).toEqual(['STORE_FAILED', expect.stringContaining(cause)]);
    expect(error.suggestions.join()).toMatch(/free space|writable/);
  });
});

/** A plan that leads nowhere: whoever gets as far as asking git says so in another error. */
const PLAN = `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: east }
spec:
  cluster: { name: east, provisioner: existing, existing: { kubeconfig: { file: ./none } } }
  specs: { git: { repository: ./none, ref: main }, profile: kubernetes }
  objectives: { rto: 1h, rpo: 1h }
`;
