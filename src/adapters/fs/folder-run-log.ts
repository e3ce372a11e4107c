import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DrError } from '../../errors/dr-error.ts';
import type { RunLog } from '../../ports/run-store.ts';
import { isMissing, storeFailure, syncFolder } from './durable-files.ts';

export interface FolderLogOptions {
  /** The owner's own file. */
  readonly path: string;
  /** The file of the owner before, if there was one. */
  readonly previous: string | undefined;
  /** Exists once a later owner has taken over. */
  readonly nextSegment: string;
  readonly run: string;
}

/**
 * Makes the file of a new owner, 0600, its name durable, and opens it for appending. What the owner before has written is made durable too: our lines will
 * be chained to its last one, which may not have been synced when that owner was killed. Throws `STORE_FAILED`.
 */
export async function openFolderLog(options: FolderLogOptions): Promise<RunLog> {
  try {
    if (options.previous !== undefined) await syncIfPresent(options.previous);
    const handle = await open(options.path, 'ax', 0o600);
    await syncFolder(dirname(options.path));
    return new FolderRunLog(handle, options);
  } catch (error) {
    throw storeFailure('open', options.path, error);
  }
}

/** An owner that died between its two files has none for its lines. */
async function syncIfPresent(path: string): Promise<void> {
  try {
    await using handle = await open(path, 'r');
    await handle.sync();
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

interface Batch {
  readonly lines: string[];
  readonly done: PromiseWithResolvers<void>;
}

/** One owner's file. Lines that arrive while a sync is under way share the next one (group commit). */
class FolderRunLog implements RunLog {
  readonly #handle: FileHandle;
  readonly #options: FolderLogOptions;
  #next: Batch | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: DrError | undefined;

  constructor(handle: FileHandle, options: FolderLogOptions) {
    this.#handle = handle;
    this.#options = options;
  }

  async append(lines: readonly string[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#next === undefined) {
      const batch: Batch = { lines: [], done: Promise.withResolvers() };
      this.#next = batch;
      this.#writing = this.#writing.then(() => this.#commit(batch));
    }
    this.#next.lines.push(...lines);
    await this.#next.done.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#handle.close();
  }

  async #commit(batch: Batch): Promise<void> {
    this.#next = undefined;
    try {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#handle.appendFile(`${batch.lines.join('\n')}\n`);
      await this.#handle.sync();
      await this.#checkOwner();
      batch.done.resolve();
    } catch (error) {
      // Never tried again: after a failed fsync the kernel may have dropped the pages and a second one would lie.
      this.#failure ??= storeFailure('append to', this.#options.path, error);
      batch.done.reject(this.#failure);
    }
  }

  /**
   * Looks for a successor after the lines are on disk. A successor makes its segment before it reads ours: so either it sees these lines or we see it,
   * and never neither.
   */
  async #checkOwner(): Promise<void> {
    const replaced = await stat(this.#options.nextSegment).then(
      () => true,
      (error: unknown) => {
        if (isMissing(error)) return false;
        throw error;
      },
    );
    if (!replaced) return;
    const { run } = this.#options;
    throw new DrError({ code: 'RUN_REPLACED', message: `run '${run}' has been taken over by another process`, suggestions: [`lattice-dr status ${run}`] });
  }
}
