import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DrError } from '../../errors/dr-error.ts';

const run = promisify(execFile);

/** Runs a program of this system to its end and gives what it printed. Throws `PROCESS_FAILED` with its words. */
export async function runCommand(file: string, args: readonly string[], options: { readonly signal: AbortSignal }): Promise<string> {
  const { signal } = options;
  try {
    const { stdout } = await run(file, args, { signal, env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` } });
    return stdout;
  } catch (cause) {
    signal.throwIfAborted();
    const said = (cause as { readonly stderr?: string }).stderr?.trim() ?? '';
    throw new DrError({ code: 'PROCESS_FAILED', message: `${file} ${args.join(' ')}: ${said === '' ? String(cause) : said}`, details: { file, args }, cause });
  }
}
