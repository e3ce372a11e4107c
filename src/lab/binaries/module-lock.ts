import { execFile } from 'node:child_process';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const POLL_MS = 250;

export interface LockOptions {
  readonly path: string;
  readonly signal: AbortSignal;
  /** Called on every poll while another process holds the lock. */
  readonly onWait: (ownerPid: number) => void;
}

interface Owner {
  readonly pid: number;
  /** When the process started, in the system's own words; a recycled process id has another. */
  readonly started: string;
}

/**
 * Runs `work` while holding a lock file, waiting as long as its owner lives. The lock of a dead owner is taken over.
 * Two owners at once are possible only if two processes take over the same dead lock in the same instant; results are
 * put in place by rename, so that costs time and breaks nothing. Rejects with the signal's reason when aborted.
 */
export async function withLock<T>(options: LockOptions, work: () => Promise<T>): Promise<T> {
  const { path, signal, onWait } = options;
  await mkdir(dirname(path), { recursive: true });
  const mine = JSON.stringify({ pid: process.pid, started: (await startOf(process.pid)) ?? '' } satisfies Owner);
  while (!(await tryTake(path, mine))) {
    signal.throwIfAborted();
    const seen = await readOr(path);
    if (seen === undefined) continue;
    const owner = parseOwner(seen);
    if (owner === undefined || (await startOf(owner.pid)) !== owner.started) {
      await clearDead(path, seen);
      continue;
    }
    onWait(owner.pid);
    await sleep(POLL_MS, undefined, { signal });
  }
  try {
    return await work();
  } finally {
    if ((await readOr(path)) === mine) await rm(path, { force: true });
  }
}

/** Linking a finished file is atomic, so a lock is never seen half written. */
async function tryTake(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${process.pid}.${crypto.randomUUID()}`;
  await writeFile(draft, content);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function clearDead(path: string, seen: string): Promise<void> {
  const aside = `${path}.${process.pid}.${crypto.randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  // Somebody else may have cleared it and taken the lock between our look and our rename: give it back.
  if ((await readOr(aside)) !== seen) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner>;
    return typeof owner.pid === 'number' && typeof owner.started === 'string' ? { pid: owner.pid, started: owner.started } : undefined;
  } catch {
    return undefined;
  }
}

/** When a process started, or undefined when there is none. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readOr(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold anything; the start time is the 20th field after it.
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  if (process.platform === 'linux') return undefined;
  try {
    return (await run('ps', ['-o', 'lstart=', '-p', String(pid)])).stdout.trim();
  } catch {
    return undefined;
  }
}

async function readOr(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined;
    throw error;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
