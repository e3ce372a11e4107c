import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';

const KILLS = 8;
const worker = join(import.meta.dirname, 'engine-worker.ts');
const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function launch(folder: string, verb: string): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [worker, folder, verb], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return { child, ended: new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))) };
}

/** Lines in all journals so far: how far the run has come. */
async function journalLines(folder: string): Promise<number> {
  const files = await readdir(join(folder, 'state'), { recursive: true }).catch(() => []);
  const texts = files.filter((file) => file.endsWith('.lines')).map((file) => readFile(join(folder, 'state', file), 'utf8'));
  return (await Promise.all(texts)).join('').split('\n').length - 1;
}

/** Kills the process once it has written some lines; gives how it ended, which may be by itself. */
async function killAfter(folder: string, verb: string, lines: number): Promise<Ended> {
  const before = await journalLines(folder);
  const { child, ended } = launch(folder, verb);
  const state = { over: false };
  const over = ended.then((end) => {
    state.over = true;
    return end;
  });
  while (!state.over && (await journalLines(folder)) < before + lines) await sleep(1);
  child.kill('SIGKILL');
  return await over;
}

it(`a run killed up to ${KILLS} times goes on each time, comes to its end, and makes nothing twice`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lattice-dr-kill-'));
  folders.push(folder);
  let killed = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const end = await killAfter(folder, kill === 0 ? 'start' : 'resume', 5 + ((kill * 7) % 11));
    expect(end.stderr).toBe('');
    if (end.signal === 'SIGKILL') killed += 1;
  }
  // On a slow machine the last of them may find the run at its end.
  expect(killed).toBeGreaterThanOrEqual(KILLS - 3);
  const end = await launch(folder, 'resume').ended;
  expect(end.stderr).toBe('');
  expect(JSON.parse(end.stdout)).toMatchObject({ state: 'succeeded', steps: Array.from({ length: 12 }, () => 'succeeded') });
  const made = (await readFile(join(folder, 'made'), 'utf8')).trim().split('\n').sort();
  expect(made).toEqual(
    Array.from({ length: 12 }, (_, step) => [1, 2, 3].map((part) => `s${step}-${part}`))
      .flat()
      .sort(),
  );
});
