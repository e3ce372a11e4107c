/**
 * Loaded before the program (`node --import`): kills this very process at the first place of a run's journal that is not in the file `STOP_LOG` yet, and
 * adds it there, so that one process after the other comes one place further. Lines that are written together are one place each: neither of them is on disk
 * before, and both are after. `alive` lines are left out, because they come when time has passed and not when something has happened.
 *
 * It is killed before every line, and after those that something is done upon. After the others the program only reads until it writes the next line, before
 * which it is killed: that is the same disk and the same world.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { hookJournal } from './stop-at-hook.ts';

const ACTED_UPON = /^(?:step-started|effect-intent|effect-done|effect-failed|held|released)\b/;
const log = process.env['STOP_LOG'] ?? '';
const met = new Set(readFileSync(log, 'utf8').split('\n'));

await hookJournal((side, lines) => {
  const places = lines.filter((line) => line !== 'alive' && (side === 'before' || ACTED_UPON.test(line))).map((line) => `${side}|${line}`);
  const open = places.filter((place) => !met.has(place));
  if (open.length === 0) return;
  appendFileSync(log, open.map((place) => `${place}\n`).join(''));
  // Else no life ever keeps what it compiled, and each begins with that.
  flushCompileCache();
  process.kill(process.pid, 'SIGKILL');
});
