import { createReadStream } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DrError } from '../../errors/dr-error.ts';
import type { LocalFile, PartialFile } from '../../ports/local-files.ts';
import { isMissing, syncFolder } from './durable-files.ts';

/** Files of a folder, by name. */
export async function listFolder(folder: string): Promise<readonly LocalFile[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    return await Promise.all(files.toSorted().map(async (name) => await fileOf(folder, name)));
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw fileRefusal(folder, 'read', cause);
  }
}

async function fileOf(folder: string, name: string): Promise<LocalFile> {
  const { size, mtime } = await stat(join(folder, name));
  return { name, sizeBytes: size, modifiedAt: mtime.toISOString() };
}

/** Removes a file, and what is left of it in the making. */
export async function removeFile(path: string): Promise<void> {
  await Promise.all([path, partOf(path), tagOf(path)].map(async (name) => await rm(name, { force: true })));
}

const partOf = (path: string): string => `${path}.part`;
const tagOf = (path: string): string => `${path}.part.tag`;

/** Opens a file in the making, at the end of what an earlier process has left of the same. */
export async function resumeFile(path: string, tag: string): Promise<PartialFile> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const isSame = (await readFile(tagOf(path), 'utf8').catch(() => '')) === tag;
    // The tag goes first: bytes without one are begun anew.
    if (!isSame) await rm(partOf(path), { force: true });
    await writeFile(tagOf(path), tag, { mode: 0o600, flush: true });
    const file = await open(partOf(path), 'a', 0o600);
    const { size } = await file.stat();
    return new AppendedFile({ path, file, size });
  } catch (cause) {
    throw fileRefusal(path, 'written', cause);
  }
}

interface Opened {
  readonly path: string;
  readonly file: FileHandle;
  readonly size: number;
}

class AppendedFile implements PartialFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #startBytes: number;
  #size: number;

  constructor({ path, file, size }: Opened) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
    this.#startBytes = size;
  }

  get sizeBytes(): number {
    return this.#size;
  }

  async *read(): AsyncGenerator<Uint8Array> {
    if (this.#startBytes === 0) return;
    for await (const chunk of createReadStream(partOf(this.#path), { end: this.#startBytes - 1, highWaterMark: 1024 * 1024 })) yield chunk as Uint8Array;
  }

  async append(chunk: Uint8Array): Promise<void> {
    await this.#told(async () => {
      await this.#file.writeFile(chunk);
      this.#size += chunk.length;
    });
  }

  async finish(): Promise<void> {
    await this.#told(async () => {
      await this.#file.sync();
      await link(partOf(this.#path), this.#path);
      await syncFolder(dirname(this.#path));
      await Promise.all([partOf(this.#path), tagOf(this.#path)].map(async (name) => await rm(name, { force: true })));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #told(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      throw fileRefusal(this.#path, 'written', cause);
    }
  }
}

/** What a file system refused, as `INPUT_INVALID`. */
export function fileRefusal(path: string, what: 'read' | 'written', cause: unknown): DrError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'EEXIST') {
    return new DrError({ code: 'INPUT_INVALID', message: `'${path}' exists and is not written over`, suggestions: ['name another file'], cause });
  }
  return new DrError({
    code: 'INPUT_INVALID',
    message: `'${path}' cannot be ${what}: ${message}`,
    suggestions: ['look at the path, its permissions and the space on its disk'],
    cause,
  });
}
