import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { placeOf } from './journal-places.ts';

/**
 * Side of the lines that the program is at. `before`: they are about to be written; what they tell has happened already, and the journal does not know.
 * `after`: they are on disk, and the program has not been told.
 */
export type Side = 'before' | 'after';

/**
 * Calls back at every write of this process to a run's journal, with the places of its lines. For a module that Node loads before the program. Lines that
 * arrive while another write is under way are written together, so that there can be more than one.
 */
export async function hookJournal(onLines: (side: Side, places: readonly string[]) => void): Promise<void> {
  // The class of file handles has no name; every instance shares its prototype, and only a journal appends lines with a sequence number.
  const probe = await open(tmpdir(), 'r');
  const prototype = Object.getPrototypeOf(probe) as { appendFile: (data: unknown) => Promise<void>; sync: () => Promise<void> };
  await probe.close();
  const { appendFile, sync } = prototype;
  const appended = new WeakMap<object, readonly string[]>();
  prototype.appendFile = async function appendJournal(this: object, data: unknown): Promise<void> {
    const places = typeof data === 'string' && data.startsWith('{"seq":') ? placesIn(data) : undefined;
    if (places !== undefined) {
      onLines('before', places);
      appended.set(this, places);
    }
    await appendFile.call(this, data);
  };
  prototype.sync = async function syncJournal(this: object): Promise<void> {
    await sync.call(this);
    const places = appended.get(this);
    appended.delete(this);
    if (places !== undefined) onLines('after', places);
  };
}

function placesIn(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => placeOf(JSON.parse(line)));
}
