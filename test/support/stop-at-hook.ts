import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { placeOf } from './journal-places.ts';

/** What every line of a journal begins with. */
const FIRST = '{"seq":';

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
  // The class of file handles has no name; every instance shares its prototype, and only a journal writes lines with a sequence number.
  const probe = await open(tmpdir(), 'r');
  const prototype = Object.getPrototypeOf(probe) as { write: (data: unknown, ...rest: readonly unknown[]) => Promise<unknown> };
  await probe.close();
  const { write } = prototype;
  // A journal's file is open for writes that return once they are on disk.
  prototype.write = async function writeJournal(this: object, data: unknown, ...rest: readonly unknown[]): Promise<unknown> {
    const places = Buffer.isBuffer(data) && data.subarray(0, FIRST.length).toString() === FIRST ? placesIn(data.toString()) : undefined;
    if (places !== undefined) onLines('before', places);
    const written = await write.call(this, data, ...rest);
    if (places !== undefined) onLines('after', places);
    return written;
  };
}

function placesIn(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => placeOf(JSON.parse(line)));
}
