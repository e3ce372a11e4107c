import { randomBytes } from 'node:crypto';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DrError } from '../../errors/dr-error.ts';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** Makes a folder with its parents, each 0700, and makes the new names durable. */
export async function makeFolder(path: string): Promise<void> {
  try {
    const first = await mkdir(path, { recursive: true, mode: FOLDER_MODE });
    if (first === undefined) return;
    for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
  } catch (error) {
    throw storeFailure('make', path, error);
  }
}

/** Makes the names in a folder durable: a synced file is lost when its name is. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a new file, 0600, and returns when its bytes are on disk. With `replace` the file is written beside its place and moved there whole, name
 * synced, so that nobody ever reads half of it.
 */
export async function writeSynced(path: string, content: Uint8Array | AsyncIterable<Uint8Array>, options: { readonly replace?: boolean } = {}): Promise<void> {
  const target = options.replace === true ? `${dirname(path)}/.new-${randomBytes(8).toString('hex')}` : path;
  const handle = await open(target, 'wx', FILE_MODE);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (target === path) return;
  await rename(target, path);
  await syncFolder(dirname(path));
}

/** Says whether an error means that a file or folder does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** A file system's refusal as `STORE_FAILED`; an error that is one already stays as it is. */
export function storeFailure(verb: string, path: string, error: unknown): DrError {
  if (error instanceof DrError) return error;
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
  return new DrError({
    code: 'STORE_FAILED',
    message: `cannot ${verb} '${path}': ${code}`,
    details: { path, cause: code },
    suggestions: suggestionsFor(code),
    cause: error,
  });
}

function suggestionsFor(code: string): readonly string[] {
  if (code === 'ENOSPC' || code === 'EDQUOT') return ['free space on that file system, then resume the run'];
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return ['check that you own the folder, that it is writable and that its file system has hard links'];
  return ['check the file system, then resume the run'];
}
