import { writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DrError } from '../errors/dr-error.ts';

export interface NewFile {
  /** What it is, for messages: `plan`. */
  readonly what: string;
  readonly text: string;
  /** Refuse a file that exists instead of replacing it. */
  readonly isNew: boolean;
}

/** What could not be written where, and how the system puts it. */
interface Unwritten {
  readonly what: string;
  readonly path: string;
  readonly message: string;
  readonly cause: unknown;
}

/** The error for a file that cannot be written. */
export function notWritten({ what, path, message, cause }: Unwritten): DrError {
  return new DrError({
    code: 'INPUT_INVALID',
    message: `the ${what} cannot be written to '${path}': ${message}`,
    suggestions: [`make the folder '${dirname(resolve(path))}' and see that you may write to it, or name another file`],
    cause,
  });
}

/** Writes a file that only this user can read. Throws `INPUT_INVALID` when it cannot be written, or exists and may not be replaced. */
export async function writeOwnFile(path: string, { what, text, isNew }: NewFile): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: isNew ? 'wx' : 'w' });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw notWritten({ what, path, message, cause });
    throw new DrError({
      code: 'INPUT_INVALID',
      message: `'${path}' exists, and a ${what} is never written over`,
      suggestions: ['name another file with --output, and compare the two'],
    });
  }
}
