import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DrError } from '../errors/dr-error.ts';
import { crashText } from '../report/error-text.ts';
import type { CommandContext } from './command-context.ts';
import { stateHome } from './state-store.ts';

/** Writes what is known of a broken invariant to a file only this user can read. Gives its path, or `undefined` when even that fails. */
export async function writeCrashFile(
  error: DrError,
  options: { readonly folder: string; readonly at: Date; readonly head: string },
): Promise<string | undefined> {
  const path = join(options.folder, `crash-${options.at.toISOString().replace(/[:.]/g, '-')}.txt`);
  try {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    await writeFile(path, `${options.head}\n${options.at.toISOString()}\n\n${crashText(error)}`, { mode: 0o600 });
    return path;
  } catch {
    return undefined; // The error itself is still shown; a second one about the file would hide it.
  }
}

/** Writes a crash file for an error that nobody expected, in this user's state. */
export async function keepCrash(error: DrError, { env, words, userAgent }: CommandContext): Promise<string | undefined> {
  if (error.kind !== 'bug') return undefined;
  return await writeCrashFile(error, { folder: stateHome(env), at: new Date(), head: `${userAgent}\ncommand: ${words.join(' ')}` });
}

/** The line that leads to a crash file. */
export function crashLine(path: string | undefined): string {
  return path === undefined ? '' : `  crash file: ${path}\n`;
}
