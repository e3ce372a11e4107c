import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import type { RunGit } from './git-command.ts';

/** Unfinished copies older than this were left by a process that was killed; in milliseconds. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;
const UNFINISHED = '.part';

/**
 * Copies of single commits, one bare repository each: `<digest of the URL>/<commit>.git`. A copy is fetched beside its place and moved there when it
 * is whole, so nobody sees half of one, git's lock files bind nobody, and a killed process leaves nothing in the way.
 */
export class CommitCache {
  readonly #git: RunGit;
  readonly #folder: string;
  readonly #fetching = new Map<string, Promise<string>>();

  constructor(git: RunGit, folder: string) {
    this.#git = git;
    this.#folder = folder;
  }

  /**
   * Git directory that holds the commit with its files. Fetched when it is not there: the commit alone, or all of the repository from a server that
   * gives no single commits. Throws `GIT_FAILED` when the remote does not have it.
   */
  async holding(repository: string, { commit, signal }: { readonly commit: string; readonly signal: AbortSignal }): Promise<string> {
    const place = join(this.#folderOf(repository), `${commit}.git`);
    if (await exists(place)) return place;
    const running = this.#fetching.get(place);
    if (running !== undefined) return running.catch(async (error: unknown) => this.#joinFailed(error, { repository, commit, signal }));
    const fetched = this.#fetch(repository, { commit, signal }).finally(() => this.#fetching.delete(place));
    this.#fetching.set(place, fetched);
    return fetched;
  }

  /** The one commit that a shortened id means, or `undefined`. Takes all of the repository to know. */
  async expand(repository: string, { short, signal }: { readonly short: string; readonly signal: AbortSignal }): Promise<string | undefined> {
    const part = await this.#begin(repository, signal);
    try {
      await this.#fetchAll(repository, { gitDir: part, signal });
      const output = await this.#git({ args: ['cat-file', '--batch-check'], gitDir: part, input: `${short}^{commit}\n`, signal });
      // `<commit> commit <size>`, or `<short> missing` or `ambiguous`.
      const commit = /^([0-9a-f]+) commit \d+$/.exec(output.toString('utf8').trim())?.[1];
      if (commit !== undefined) await this.#finish(part, join(this.#folderOf(repository), `${commit}.git`));
      return commit;
    } finally {
      await rm(part, { recursive: true, force: true });
    }
  }

  /** Whoever fetched may have been stopped by a signal that is not ours; any other failure would be ours too. */
  async #joinFailed(error: unknown, wanted: { readonly repository: string; readonly commit: string; readonly signal: AbortSignal }): Promise<string> {
    if (isDrError(error, 'CANCELLED')) return this.holding(wanted.repository, wanted);
    throw error;
  }

  async #fetch(repository: string, { commit, signal }: { readonly commit: string; readonly signal: AbortSignal }): Promise<string> {
    const part = await this.#begin(repository, signal);
    const at = { gitDir: part, signal };
    try {
      try {
        await this.#git({ args: ['fetch', '--quiet', '--no-tags', '--depth=1', '--', repository, commit], ...at });
      } catch (error) {
        if (!isDrError(error, 'GIT_FAILED') || signal.aborted) throw error;
        await this.#fetchAll(repository, at);
      }
      const found = (await this.#git({ args: ['cat-file', '--batch-check'], input: `${commit}^{tree}\n`, ...at })).toString('utf8');
      if (!found.includes(' tree ')) throw missingCommit(commit);
      return await this.#finish(part, join(this.#folderOf(repository), `${commit}.git`));
    } finally {
      await rm(part, { recursive: true, force: true });
    }
  }

  async #fetchAll(repository: string, at: { readonly gitDir: string; readonly signal: AbortSignal }): Promise<void> {
    await this.#git({ args: ['fetch', '--quiet', '--no-tags', '--', repository, '+refs/*:refs/remote/*'], ...at });
  }

  /** An empty repository to fetch into. */
  async #begin(repository: string, signal: AbortSignal): Promise<string> {
    const folder = this.#folderOf(repository);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeAbandoned(folder);
    const part = join(folder, `${randomBytes(6).toString('hex')}${UNFINISHED}`);
    await this.#git({ args: ['init', '--quiet', '--bare', part], signal });
    return part;
  }

  /** Moves a whole copy to its place; another process may have been faster with the same one. */
  async #finish(part: string, place: string): Promise<string> {
    try {
      await rename(part, place);
    } catch (error) {
      if (!(await exists(place))) throw error;
    }
    return place;
  }

  #folderOf(repository: string): string {
    return join(this.#folder, createHash('sha256').update(repository).digest('hex').slice(0, 16));
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function removeAbandoned(folder: string): Promise<void> {
  const parts = (await readdir(folder)).filter((name) => name.endsWith(UNFINISHED)).map((name) => join(folder, name));
  for (const part of parts) {
    const age = Date.now() - ((await stat(part).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > ABANDONED_AFTER_MS) await rm(part, { recursive: true, force: true });
  }
}

function missingCommit(commit: string): DrError {
  return new DrError({
    code: 'GIT_FAILED',
    message: `the remote does not have commit ${commit}`,
    suggestions: ['push the commit, or correct `specs.git.ref` in the plan'],
  });
}
