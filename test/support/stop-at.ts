/**
 * Loaded before the program (`node --import`): sends this very process a signal at a chosen place of a run's journal. `STOP_AT` is a JSON object of places
 * and signals. A place is `before|<line>` or `after|<line>`. The first place that is come by counts, and is written to the file `STOP_LOG`.
 */
import { writeFileSync } from 'node:fs';
import { hookJournal } from './stop-at-hook.ts';

const wanted = new Map(Object.entries(JSON.parse(process.env['STOP_AT'] ?? '{}') as Record<string, NodeJS.Signals>));
const log = process.env['STOP_LOG'] ?? '';
let stopped = false;

await hookJournal((side, lines) => {
  const place = lines.map((line) => `${side}|${line}`).find((one) => wanted.has(one));
  if (place === undefined || stopped) return;
  stopped = true;
  writeFileSync(log, place);
  process.kill(process.pid, wanted.get(place));
});
