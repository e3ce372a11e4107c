import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RunLog } from '../../ports/run-store.ts';
import { GroupCommit, replaced } from '../group-commit.ts';
import { isMissing, storeFailure, syncFolder } from './durable-files.ts';

/**
 * Whether a write can return once it is on disk, length and all: one call where a write and a sync are two. Linux promises that of O_DSYNC (open(2)); macOS
 * syncs to the disk's cache only, and Windows does not know it.
 */
const WRITES_SYNC = process.platform === 'linux';
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND;
const FLAGS = WRITES_SYNC ? NEW_FILE | constants.O_DSYNC : NEW_FILE;

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
    const handle = await open(options.path, FLAGS, 0o600);
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

/** One owner's file: a group commit is one write that is synced. */
class FolderRunLog implements RunLog {
  readonly #handle: FileHandle;
  readonly #options: FolderLogOptions;
  // Never tried again: after a failed sync the kernel may have dropped the pages and a second one would lie.
  readonly #commits = new GroupCommit(
    async (lines) => await this.#commit(lines),
    (error) => storeFailure('append to', this.#options.path, error),
  );

  constructor(handle: FileHandle, options: FolderLogOptions) {
    this.#handle = handle;
    this.#options = options;
  }

  async append(lines: readonly string[]): Promise<void> {
    await this.#commits.append(lines);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commits.settled();
    await this.#handle.close();
  }

  async #commit(lines: readonly string[]): Promise<void> {
    let rest = Buffer.from(`${lines.join('\n')}\n`);
    // A disk that becomes full takes a part, and refuses the rest when it is offered.
    while (rest.length > 0) rest = rest.subarray((await this.#handle.write(rest)).bytesWritten);
    if (!WRITES_SYNC) await this.#handle.sync();
    await this.#checkOwner();
  }

  /**
   * Looks for a successor after the lines are on disk. A successor makes its segment before it reads ours: so either it sees these lines or we see it,
   * and never neither.
   */
  async #checkOwner(): Promise<void> {
    const hasSuccessor = await stat(this.#options.nextSegment).then(
      () => true,
      (error: unknown) => {
        if (isMissing(error)) return false;
        throw error;
      },
    );
    if (hasSuccessor) throw replaced(this.#options.run);
  }
}
