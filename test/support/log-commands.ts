/**
 * Loaded before the program (`node --import`): notes, in the file `COMMAND_LOG`, the arguments of every process that the program starts, and its own title.
 * What is in them can be read by every user of the machine.
 */
import { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';

const log = process.env['COMMAND_LOG'] ?? '';
const prototype = ChildProcess.prototype as unknown as { spawn: (options: { readonly file?: string; readonly args?: readonly string[] }) => unknown };
const { spawn } = prototype;

prototype.spawn = function noteAndSpawn(this: ChildProcess, options) {
  appendFileSync(log, `${JSON.stringify([options.file, ...(options.args ?? [])])}\n`);
  return spawn.call(this, options);
};

process.once('exit', () => appendFileSync(log, `${JSON.stringify(['title', process.title, ...process.argv])}\n`));
