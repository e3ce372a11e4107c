/**
 * Loaded before the program (`node --import`): notes, in the file `COMMAND_LOG`, the arguments of every process that the program starts, and its own title.
 * What is in them can be read by every user of the machine. What is in its environment, which its owner alone can read, goes to `GIVEN_LOG`.
 */
import { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';

interface Started {
  readonly file?: string;
  readonly args?: readonly string[];
  readonly envPairs?: readonly string[];
}

const log = process.env['COMMAND_LOG'] ?? '';
const given = process.env['GIVEN_LOG'] ?? '/dev/null';
const prototype = ChildProcess.prototype as unknown as { spawn: (options: Started) => unknown };
const { spawn } = prototype;

prototype.spawn = function noteAndSpawn(this: ChildProcess, options) {
  appendFileSync(log, `${JSON.stringify([options.file, ...(options.args ?? [])])}\n`);
  const own = new Set(Object.entries(process.env).map(([name, value]) => `${name}=${value}`));
  const pairs = options.envPairs ?? [];
  const noted = { file: options.file, given: pairs.filter((pair) => !own.has(pair)), inherited: pairs.filter((pair) => own.has(pair)) };
  appendFileSync(given, `${JSON.stringify(noted)}\n`);
  return spawn.call(this, options);
};

process.once('exit', () => appendFileSync(log, `${JSON.stringify(['title', process.title, ...process.argv])}\n`));
