import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../../json-file.ts';
import { findProcess } from '../../supervise/proc.ts';

/** A container as its runtime knows it. It outlives the kubelet: stopping that leaves what runs (F65). */
export interface ContainerRecord {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly pod: string;
  readonly namespace: string;
  readonly podUid: string;
  readonly image: string;
  /** Starts of this container before. */
  readonly attempt: number;
  readonly pid: number;
  /** See `ProcessFacts.startTime`. */
  readonly startTime: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly gracePeriodMs: number;
  readonly logPath: string;
}

/** In memory of the machine, so that it is gone with its processes. */
export const CONTAINER_FOLDER = '/run/lattice-dr-lab/containers';

/** All containers that are known, running or not, oldest first. */
export async function listContainers(): Promise<readonly ContainerRecord[]> {
  const files = await readdir(CONTAINER_FOLDER).catch(() => []);
  const records = await Promise.all(
    files.filter((file) => file.endsWith('.json')).map(async (file) => await readJsonFile<ContainerRecord>(join(CONTAINER_FOLDER, file))),
  );
  return records.filter((record) => record !== undefined).sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}

export async function saveContainer(record: ContainerRecord): Promise<void> {
  await writeJsonFile(join(CONTAINER_FOLDER, `${record.id}.json`), record);
}

export async function removeContainer(record: ContainerRecord): Promise<void> {
  await rm(join(CONTAINER_FOLDER, `${record.id}.json`), { force: true });
}

export function isRunning(record: ContainerRecord): boolean {
  return findProcess(record.pid)?.startTime === record.startTime;
}

/** Signals a container's processes; one that has ended is left alone. */
export function signalContainer(record: ContainerRecord, signal: NodeJS.Signals): void {
  if (!isRunning(record)) return;
  try {
    process.kill(signal === 'SIGKILL' ? -record.pid : record.pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}
