import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DrError } from '../errors/dr-error.ts';
import type { InputFile } from '../operations/prepare-run.ts';
import { nearest } from '../runbook/faults.ts';
import { findInputFile, readInputFile } from './input-files.ts';

/** Names of the runbooks that ship with the tool. */
async function shippedRunbooks(root: string): Promise<readonly string[]> {
  const files = await readdir(join(root, 'runbooks'));
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

/** Reads all of them, by name. */
export async function readShippedRunbooks(root: string): Promise<readonly InputFile[]> {
  const names = await shippedRunbooks(root);
  return await Promise.all(names.map(async (name) => await readRunbook(name, root)));
}

/**
 * Reads a runbook by path, or by the name of a shipped one. A word without a slash and without `.yaml` is a name. Throws `INPUT_INVALID`, with the nearest
 * name for a misspelt one.
 */
export async function readRunbook(nameOrPath: string, root: string): Promise<InputFile> {
  if (nameOrPath.includes('/') || /\.ya?ml$/.test(nameOrPath)) return await readInputFile(nameOrPath, 'runbook');
  const shipped = await findInputFile(join(root, 'runbooks', `${nameOrPath}.yaml`));
  if (shipped !== undefined) return { ...shipped, shipped: nameOrPath };
  const names = await shippedRunbooks(root);
  const near = nearest(nameOrPath, names);
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `'${nameOrPath}' is no shipped runbook (there are: ${names.join(', ')})`,
    suggestions: [near === undefined ? 'give the path of your own as ./NAME.yaml' : `did you mean '${near}'?`],
  });
}
