import { createReadStream } from 'node:fs';
import { type FileHandle, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DrError } from '../../errors/dr-error.ts';
import type { LocalFiles, OpenFile } from '../../ports/local-files.ts';
import { isMissing, syncFolder } from './durable-files.ts';
import { fileRefusal, listFolder, removeFile, resumeFile } from './partial-file.ts';

type Content = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Files of this machine. */
export function createLocalFiles(): LocalFiles {
  return { read, open: openFile, exists, readSmall, writeNew, replace, list: listFolder, resume: resumeFile, remove: removeFile };
}

async function* read(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) yield chunk as Uint8Array;
  } catch (cause) {
    throw fileRefusal(path, 'read', cause);
  }
}

async function openFile(path: string): Promise<OpenFile> {
  try {
    const file = await open(path, 'r');
    return { readAt: async (from, length) => await readAt(file, { path, from, length }), [Symbol.asyncDispose]: async () => await file.close() };
  } catch (cause) {
    throw fileRefusal(path, 'read', cause);
  }
}

async function readAt(file: FileHandle, { path, from, length }: { readonly path: string; readonly from: number; readonly length: number }): Promise<Buffer> {
  try {
    const content = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await file.read(content, done, length - done, from + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return content.subarray(0, done);
  } catch (cause) {
    throw fileRefusal(path, 'read', cause);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (cause) {
    if (isMissing(cause)) return false;
    throw fileRefusal(path, 'read', cause);
  }
}

async function readSmall(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw fileRefusal(path, 'read', cause);
  }
}

/** A name that is there is whole: the bytes are synced under another one first. `link` refuses a name that exists, which a rename would replace. */
async function writeNew(path: string, content: Content): Promise<void> {
  await writeWhole(path, content, async (partial) => await link(partial, path));
}

async function replace(path: string, content: Content): Promise<void> {
  await writeWhole(path, content, async (partial) => await rename(partial, path));
}

async function writeWhole(path: string, content: Content, put: (partial: string) => Promise<void>): Promise<void> {
  const partial = `${path}.part`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await using file = await open(partial, 'w', 0o600);
    for await (const chunk of content) await file.write(chunk);
    await file.sync();
    await put(partial);
    await syncFolder(dirname(path));
  } catch (cause) {
    throw cause instanceof DrError ? cause : fileRefusal(path, 'written', cause);
  } finally {
    await rm(partial, { force: true });
  }
}
