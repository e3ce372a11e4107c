/**
 * Loaded before the program (`node --import`): sends this very process a signal at a chosen place of a run's journal. `STOP_AT` is a JSON object of places
 * and signals. A place is `before|<line>` (the line is about to be written: what it tells has happened already, and the journal does not know) or
 * `after|<line>` (it is on disk, and the program has not been told). The first place that is come by counts, and is written to the file `STOP_LOG`.
 */
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { placeOf } from './journal-places.ts';

const wanted = new Map(Object.entries(JSON.parse(process.env['STOP_AT'] ?? '{}') as Record<string, NodeJS.Signals>));
const log = process.env['STOP_LOG'] ?? '';
let stopped = false;

function stopAt(when: 'before' | 'after', text: string): void {
  const lines = text.split('\n').filter((line) => line !== '');
  const place = lines.map((line) => `${when}|${placeOf(JSON.parse(line))}`).find((one) => wanted.has(one));
  if (place === undefined || stopped) return;
  stopped = true;
  writeFileSync(log, place);
  process.kill(process.pid, wanted.get(place));
}

// The class of file handles has no name; every instance shares its prototype, and only a journal appends lines with a sequence number.
const probe = await open(tmpdir(), 'r');
const prototype = Object.getPrototypeOf(probe) as { appendFile: (data: unknown) => Promise<void>; sync: () => Promise<void> };
await probe.close();
const { appendFile, sync } = prototype;
const appended = new WeakMap<object, string>();

prototype.appendFile = async function appendJournal(this: object, data: unknown): Promise<void> {
  const isJournal = typeof data === 'string' && data.startsWith('{"seq":');
  if (isJournal) stopAt('before', data);
  if (isJournal) appended.set(this, data);
  await appendFile.call(this, data);
};

prototype.sync = async function syncJournal(this: object): Promise<void> {
  await sync.call(this);
  const text = appended.get(this);
  appended.delete(this);
  if (text !== undefined) stopAt('after', text);
};
