import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMissingFile } from './file-errors.ts';

/** Reads a JSON file; `undefined` when there is none. The caller vouches for the type: these files are written by this folder only. */
export async function readJsonFile<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
}

/** Replaces a file as a whole, 0600, so that a reader sees the old text or the new one and a killed writer leaves the old. */
export async function writeJsonFile(path: string, value: object): Promise<void> {
  await replaceFile(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** Like `writeJsonFile`, for any text. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.${performance.now()}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
