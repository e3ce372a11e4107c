import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { JournalEntry } from '../../src/engine/journal-entries.ts';
import type { JsonObject } from '../../src/model/json.ts';

const entrySchema = z.custom<JournalEntry>((value) => typeof value === 'object' && value !== null && 'type' in value);

/** All lines of a run's journal, of all its owners, as they are on disk. */
export async function readRunJournal(store: string, run: string): Promise<readonly JournalEntry[]> {
  const folder = join(store, 'runs', run, 'journal');
  const segments = (await readdir(folder)).filter((name) => name.endsWith('.lines')).sort();
  const texts = await Promise.all(segments.map(async (name) => await readFile(join(folder, name), 'utf8')));
  return texts
    .flatMap((text) => text.slice(0, text.lastIndexOf('\n') + 1).split('\n'))
    .filter((line) => line !== '')
    .map((line) => entrySchema.parse(JSON.parse(line)));
}

/** Detail lines that a step of a run has left, of all owners, in order of the file names. */
export async function readEvidence(store: string, run: string, step: string): Promise<readonly JsonObject[]> {
  const folder = join(store, 'runs', run, 'evidence');
  const files = (await readdir(folder)).filter((name) => new RegExp(`^${step}(\\.\\d+)?\\.jsonl$`).test(name)).sort();
  const texts = await Promise.all(files.map(async (name) => await readFile(join(folder, name), 'utf8')));
  return texts.flatMap((text) => text.split('\n').filter((line) => line !== '')).map((line) => JSON.parse(line) as JsonObject);
}
