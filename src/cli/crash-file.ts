import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRestored } from '../engine/recorded-error.ts';
import type { RunResult } from '../engine/run-options.ts';
import type { DrError } from '../errors/dr-error.ts';
import { crashText, errorText } from '../report/error-text.ts';
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

/** What nobody expected, and the file with its stack. */
export interface Crash {
  readonly error: DrError;
  readonly file: string;
}

/** A crash file for the first step that failed in this process by what nobody expected: the journal keeps neither stack nor cause. */
export async function keepCrashOf({ error, steps }: Pick<RunResult, 'error' | 'steps'>, context: CommandContext): Promise<Crash | undefined> {
  const errors = [error, ...steps.map((step) => step.error)].filter((one) => one !== undefined);
  const bug = errors.find((one) => one.kind === 'bug' && !isRestored(one));
  const file = bug === undefined ? undefined : await keepCrash(bug, context);
  return bug === undefined || file === undefined ? undefined : { error: bug, file };
}

/** Why a run failed, and under its own error what nobody expected in it. Nothing for a run without either. */
export function failureText(error: DrError | undefined, crash: Crash | undefined): string {
  const errors = [...new Set([error, crash?.error])].filter((one) => one !== undefined);
  return errors.map((one) => `\n${errorText(one)}${crashLine(one === crash?.error ? crash.file : undefined)}`).join('');
}

/** The line that leads to a crash file. */
export function crashLine(path: string | undefined): string {
  return path === undefined ? '' : `  crash file: ${path}\n`;
}
