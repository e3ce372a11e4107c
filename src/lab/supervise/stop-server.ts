import { setTimeout as sleep } from 'node:timers/promises';
import type { OnLabProgress } from '../progress.ts';
import { findProcess, type LabProcess, listLabProcesses, type ProcessFacts } from './proc.ts';
import { findRecord, processOf, removeRecord } from './record.ts';

/** What a process has to end by itself after SIGTERM. */
const GRACE_MS = 5_000;
/** What the kernel has to take a killed process away. */
const KILL_MS = 5_000;
const POLL_MS = 20;
/** A process that is being killed can still start another: look again, so often at most. */
const KILL_ROUNDS = 5;

export interface StopOptions {
  readonly directory: string;
  readonly id: string;
  /** SIGKILL at once, as a power cut would. */
  readonly force?: boolean;
  /** Leaves the record, so that the next `lab up` starts it again. */
  readonly keepWanted?: boolean;
  readonly onProgress?: OnLabProgress;
}

/**
 * Stops a server and all that it has started: SIGTERM to the server alone, so that it ends its children in its own order (Velero needs its plugins to
 * finish a restore), and after 5 s SIGKILL to what is left. A process that only has the pid of one that is gone is left alone.
 */
export async function stopServer(options: StopOptions): Promise<void> {
  const { directory, id, force = false, keepWanted = false, onProgress } = options;
  const from = performance.now();
  // The record goes first: whoever sees the server dead from now on must not start it again.
  const record = await findRecord(directory, id);
  if (!keepWanted) await removeRecord(directory, id);
  const leader = record === undefined ? undefined : processOf(record);
  const family = () => listLabProcesses(directory).filter((one) => one.id === id);
  if (leader === undefined && family().length === 0) return;
  onProgress?.({ part: id, state: 'stopping' });
  if (leader !== undefined && !force) {
    signalAll([leader], 'SIGTERM');
    await waitGone([leader], GRACE_MS);
  }
  await killAll(family);
  onProgress?.({ part: id, state: 'stopped', elapsedMs: performance.now() - from });
}

/** Kills the processes a search finds, and searches again until it finds none. Never this process, should it be part of the lab itself. */
export async function killAll(search: () => readonly LabProcess[]): Promise<void> {
  for (let round = 0; round < KILL_ROUNDS; round += 1) {
    const found = search().filter((one) => one.pid !== process.pid);
    if (found.length === 0) return;
    signalAll(found, 'SIGKILL');
    await waitGone(found);
  }
}

function signalAll(processes: readonly ProcessFacts[], name: NodeJS.Signals): void {
  for (const one of processes) {
    if (findProcess(one.pid)?.startTime !== one.startTime) continue;
    try {
      process.kill(one.pid, name);
    } catch {
      // It ended between the look and the signal.
    }
  }
}

/** Waits until processes have ended, 5 s at most unless told otherwise. */
export async function waitGone(processes: readonly ProcessFacts[], withinMs: number = KILL_MS): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (processes.some((one) => findProcess(one.pid)?.startTime === one.startTime)) {
    if (performance.now() > deadline) return;
    await sleep(POLL_MS);
  }
}
