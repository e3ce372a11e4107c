/**
 * Loaded before the program (`node --import`): writes, into the file `WAITS_LOG`, what the program waited for that others did, as JSON lines of `Wait`: every program
 * that it ran to its end, `ssh` above all, and every request to a server. Pauses between two questions are noted too, as such.
 */
import { ChildProcess } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import type { Wait } from './waits.ts';

const waits: Wait[] = [];
const note = (kind: Wait['kind'], from: number): void => void waits.push({ kind, from, to: performance.now() });

/** A server that the program starts for itself is no work that is waited for. Its answers are. */
const SERVERS = ['etcd'];
const prototype = ChildProcess.prototype as unknown as { spawn: (options: { readonly file?: string }) => unknown };
const { spawn } = prototype;
prototype.spawn = function noteAndSpawn(this: ChildProcess, options) {
  const from = performance.now();
  if (!SERVERS.includes(basename(options.file ?? ''))) this.once('exit', () => note('command', from));
  return spawn.call(this, options);
};

interface Sent {
  readonly request: { readonly path: string };
}
const begun = new WeakMap<object, number>();
const end = (message: unknown): void => {
  const { request } = message as Sent;
  const from = begun.get(request);
  if (from !== undefined) note('request', from);
  begun.delete(request);
};
channel('undici:request:create').subscribe((message) => void begun.set((message as Sent).request, performance.now()));
// A watch has no end: what is waited for then are changes, and they are not counted.
channel('undici:request:headers').subscribe((message) => /[?&]watch=(?:1|true)\b/.test((message as Sent).request.path) && end(message));
for (const name of ['trailers', 'error']) channel(`undici:request:${name}`).subscribe(end);

const { sleep } = systemClock;
(systemClock as { sleep: typeof sleep }).sleep = async (ms, signal) => {
  const from = performance.now();
  await sleep(ms, signal);
  // One that is broken off was the limit of a wait, and not a pause within it.
  note('pause', from);
};

process.once('exit', () => appendFileSync(process.env['WAITS_LOG'] ?? '', waits.map((wait) => `${JSON.stringify(wait)}\n`).join('')));
