import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { link, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DrError } from '../../errors/dr-error.ts';
import type { LogSegment, RunLog, RunStore } from '../../ports/run-store.ts';
import { FirstWriteProof } from '../first-write.ts';
import { isMissing, makeFolder, storeFailure, syncFolder, writeSynced } from './durable-files.ts';
import { openFolderLog } from './folder-run-log.ts';
import { readLastLine } from './last-line.ts';

const KEY = /^[A-Za-z0-9_[\]-][A-Za-z0-9._[\]-]*(?:\/[A-Za-z0-9_[\]-][A-Za-z0-9._[\]-]*)*$/;
/** Files that are not values: logs end so, and evidence has a folder of its own. */
const LOG_SUFFIX = '.lines';
const EVIDENCE = '/evidence/';

/**
 * Opens a folder as a run store, making it if it is absent (0700, files 0600). Proves that the file system keeps the promise the locks stand on: of two
 * writes of one key the first is taken and the second refused. Throws `STORE_FAILED` otherwise. With `toRead` nothing is made or proven before the first
 * write: how a run stands can be read on a disk that is full or takes no writes.
 *
 * Layout: a value is the file of its key; a run's log is `runs/<run>/journal/<n>.lines`, one per owner, and the value `runs/<run>/journal/<n>` says whose.
 */
export async function openFolderRunStore(folder: string, { toRead = false }: { readonly toRead?: boolean } = {}): Promise<RunStore> {
  const store = new FolderRunStore(resolve(folder));
  if (!toRead) await store.proveOnce();
  return store;
}

class FolderRunStore implements RunStore {
  readonly location: string;
  readonly #proof: FirstWriteProof;

  constructor(root: string) {
    this.location = root;
    this.#proof = new FirstWriteProof({
      at: `'${root}'`,
      create: async (key, value) => await this.#create(key, value),
      remove: async (key) => await unlink(this.#path(key)).catch((error: unknown) => Promise.reject(storeFailure('remove the probe from', root, error))),
      refusal: { suggestion: 'keep run state on a local file system with hard links' },
    });
  }

  async proveOnce(): Promise<void> {
    await this.#proof.proveOnce();
  }

  async putIfAbsent(key: string, value: Uint8Array): Promise<boolean> {
    await this.proveOnce();
    return await this.#create(key, value);
  }

  async #create(key: string, value: Uint8Array): Promise<boolean> {
    const path = this.#path(key);
    const temporary = join(dirname(path), `.new-${randomBytes(8).toString('hex')}`);
    try {
      await makeFolder(dirname(path));
      await writeSynced(temporary, value);
      const taken = await linkOnce(temporary, path);
      await unlink(temporary);
      await syncFolder(dirname(path));
      return taken;
    } catch (error) {
      throw storeFailure('write', path, error);
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return await readIfPresent(this.#path(key));
  }

  async list(prefix: string): Promise<readonly string[]> {
    // The folder part of the prefix bounds what has to be read.
    const folder = join(this.location, prefix.slice(0, prefix.lastIndexOf('/') + 1));
    const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw storeFailure('list', folder, error);
    });
    return found
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.location.length + 1))
      .filter((key) => key.startsWith(prefix) && KEY.test(key) && !key.endsWith(LOG_SUFFIX) && !key.includes(EVIDENCE))
      .sort();
  }

  async openLog(run: string, owner: string, after: number): Promise<RunLog | undefined> {
    const number = after + 1;
    if (!(await this.putIfAbsent(segmentKey(run, number), Buffer.from(owner)))) return undefined;
    const linesOf = (segment: number): string => `${this.#path(segmentKey(run, segment))}${LOG_SUFFIX}`;
    const previous = after === 0 ? undefined : linesOf(after);
    return await openFolderLog({ path: linesOf(number), previous, nextSegment: this.#path(segmentKey(run, number + 1)), run });
  }

  async readLog(run: string): Promise<readonly LogSegment[]> {
    const segments: LogSegment[] = [];
    for (let number = 1; ; number += 1) {
      const key = segmentKey(run, number);
      const owner = await this.get(key);
      if (owner === undefined) return segments;
      const text = await readIfPresent(`${this.#path(key)}${LOG_SUFFIX}`);
      segments.push({ owner: Buffer.from(owner).toString(), text: Buffer.from(text ?? []).toString() });
    }
  }

  async listRuns(): Promise<readonly string[]> {
    const found = await this.#entriesOf(join(this.location, 'runs'));
    return found
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  }

  async readLogEnd(run: string): Promise<string | undefined> {
    const names = new Set((await this.#entriesOf(dirname(this.#path(segmentKey(run, 1))))).map(({ name }) => name));
    let last = 0;
    while (names.has(nameOf(last + 1))) last += 1;
    return last === 0 ? undefined : await readLastLine(`${this.#path(segmentKey(run, last))}${LOG_SUFFIX}`);
  }

  async #entriesOf(folder: string): Promise<readonly Dirent[]> {
    return await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw storeFailure('list', folder, error);
    });
  }

  async putEvidence(run: string, name: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#path(`runs/${run}${EVIDENCE}${name}`);
    try {
      await makeFolder(dirname(path));
      await writeSynced(path, chunks, { replace: true });
    } catch (error) {
      throw storeFailure('write', path, error);
    }
  }

  #path(key: string): string {
    if (KEY.test(key)) return join(this.location, key);
    throw new DrError({ code: 'BUG', message: `'${key}' is not a key of a run store` });
  }
}

function segmentKey(run: string, number: number): string {
  return `runs/${run}/journal/${nameOf(number)}`;
}

function nameOf(segment: number): string {
  return String(segment).padStart(4, '0');
}

async function readIfPresent(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw storeFailure('read', path, error);
  }
}

/** Links and says whether it was us. Over NFS a repeated request may answer EEXIST to the one that succeeded, so identity decides (link(2), NOTES). */
async function linkOnce(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const [ours, theirs] = await Promise.all([stat(from, { bigint: true }), stat(to, { bigint: true })]);
    return ours.ino === theirs.ino && ours.dev === theirs.dev;
  }
}
