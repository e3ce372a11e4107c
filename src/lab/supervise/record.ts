import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissingFile } from '../file-errors.ts';
import { readJsonFile, writeJsonFile } from '../json-file.ts';
import { layoutOf } from '../layout.ts';
import { bootId, findProcess, type ProcessFacts } from './proc.ts';

/** A server that is wanted, and the process that last served. The file stays when the process dies: that is what `lab up` restarts. */
export interface ServerRecord {
  readonly id: string;
  readonly cluster?: string;
  /** Uid of the pod it is a container of: the node stand-in starts it, and no command does. */
  readonly pod?: string;
  readonly pid: number;
  /** See `ProcessFacts.startTime`. */
  readonly startTime: string;
  /** Kernel boot in which the start time counts. */
  readonly boot: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly logPath: string;
}

/** The record of a server, `undefined` when it is not wanted. */
export async function findRecord(labDirectory: string, id: string): Promise<ServerRecord | undefined> {
  return await readJsonFile<ServerRecord>(recordPath(labDirectory, id));
}

/** All records, by id. */
export async function listRecords(labDirectory: string): Promise<readonly ServerRecord[]> {
  const folder = layoutOf(labDirectory).run;
  const files = await readdir(folder).catch((error: unknown) => {
    if (isMissingFile(error)) return [];
    throw error;
  });
  const ids = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));
  const records = await Promise.all(ids.sort().map(async (id) => await findRecord(labDirectory, id)));
  return records.filter((record) => record !== undefined);
}

export async function saveRecord(labDirectory: string, record: ServerRecord): Promise<void> {
  await writeJsonFile(recordPath(labDirectory, record.id), record);
}

export async function removeRecord(labDirectory: string, id: string): Promise<void> {
  await rm(recordPath(labDirectory, id), { force: true });
}

/** The living process of a record; `undefined` when it has ended, also when its pid now belongs to another process. */
export function processOf(record: ServerRecord): ProcessFacts | undefined {
  if (record.boot !== bootId()) return undefined;
  const facts = findProcess(record.pid);
  return facts?.startTime === record.startTime ? facts : undefined;
}

function recordPath(labDirectory: string, id: string): string {
  return join(layoutOf(labDirectory).run, `${id}.json`);
}
