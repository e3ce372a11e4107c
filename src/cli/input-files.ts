import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DrError } from '../errors/dr-error.ts';
import type { InputFile } from '../operations/prepare-run.ts';

/** A plan or a runbook is a few kilobytes; a file larger than this is something else. */
const MAX_BYTES = 4 * 1024 * 1024;

/** What a person does whose file is not there. */
const SUGGESTIONS = {
  plan: 'name the plan with --plan FILE, or write one by looking at a living cluster: lattice-dr init --help',
  runbook: 'name a file, or the name of a shipped one: lattice-dr runbook list',
  resolution: 'write one, and read it: lattice-dr drift --write-resolution FILE',
} as const;

/** Reads a plan, runbook or resolution. Throws `INPUT_INVALID` when there is no such file, or it is no text. `what` is for the message. */
export async function readInputFile(path: string, what: keyof typeof SUGGESTIONS): Promise<InputFile> {
  const found = await findInputFile(path);
  if (found !== undefined) return found;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `the ${what} '${path}' does not exist (${resolve(path)})`,
    suggestions: [SUGGESTIONS[what]],
  });
}

/** Reads a file, or gives `undefined` when it does not exist. */
export async function findInputFile(path: string): Promise<InputFile | undefined> {
  const file = resolve(path);
  try {
    const content = await readFile(file);
    if (content.length > MAX_BYTES) throw new Error(`it has ${content.length} bytes, more than ${MAX_BYTES}`);
    return { file, folder: dirname(file), text: new TextDecoder('utf-8', { fatal: true }).decode(content) };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DrError({
      code: 'INPUT_INVALID',
      message: `'${file}' cannot be read as text: ${(cause as Error).message}`,
      suggestions: ['name a YAML file that you may read'],
      cause,
    });
  }
}
