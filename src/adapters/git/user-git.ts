import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { digestOf } from '../../model/digest.ts';
import type { Git, GitSource } from '../../ports/git.ts';
import { gitRunner, type RunGit, withoutCredentials } from './git-command.ts';
import { type CommitPlace, filesOf, treeListing } from './git-tree.ts';

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const SHORT_COMMIT = /^[0-9a-f]{7,39}$/;

export interface UserGitOptions {
  /** Folder for bare copies, one per repository; made when needed. */
  readonly cacheDir: string;
  /** Environment that git inherits. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads repositories through the user's own git, into bare copies that serve later runs too when the remote is away. */
export function createGit({ cacheDir, env }: UserGitOptions): Git {
  const git = gitRunner(env);
  const cache = new RepositoryCache(git, cacheDir);
  const place = async (source: GitSource & { readonly commit: string }, signal: AbortSignal): Promise<CommitPlace> => ({
    gitDir: await cache.holding(source.repository, { commit: source.commit, signal }),
    commit: source.commit,
    signal,
  });
  return {
    resolve: async (source, signal) => resolveRef(source, { git, cache, signal }),
    files: async (source, signal) => filesOf(git, await place(source, signal), source.paths),
    async describe(source, signal) {
      const at = await place(source, signal);
      const shown = (await git({ args: ['show', '--no-patch', '--format=%cI%x00%s', at.commit], gitDir: at.gitDir, signal })).toString('utf8').trimEnd();
      const [committedAt = '', subject = ''] = shown.split('\0');
      return { committedAt: new Date(committedAt).toISOString(), subject, tree: digestOf(await treeListing(git, at, source.paths)) };
    },
  };
}

interface ResolveContext {
  readonly git: RunGit;
  readonly cache: RepositoryCache;
  readonly signal: AbortSignal;
}

/** A full commit id must be had; a name is asked of the remote, a branch and a tag of one name being an error rather than a guess. */
async function resolveRef(source: GitSource, { git, cache, signal }: ResolveContext): Promise<string> {
  const { repository, ref } = source;
  if (COMMIT.test(ref)) {
    await cache.holding(repository, { commit: ref, signal });
    return ref;
  }
  if (ref === '' || ref.startsWith('-')) throw refFailed(source, 'it is no name of a branch, tag or commit');
  const candidates = await remoteCandidates(source, { git, signal });
  if (new Set(candidates.map(([commit]) => commit)).size > 1) {
    throw refFailed(source, `it names ${candidates.map(([, name]) => name).join(' and ')}: write the one meant in full`);
  }
  const commit = candidates[0]?.[0] ?? (SHORT_COMMIT.test(ref) ? await cache.expand(repository, { short: ref, signal }) : undefined);
  if (commit === undefined) throw refFailed(source, 'the remote has no such branch or tag');
  return commit;
}

/** Commits that the ref may mean at the remote, with the full name of each. An annotated tag counts as the commit it points to. */
async function remoteCandidates({ repository, ref }: GitSource, { git, signal }: { readonly git: RunGit; readonly signal: AbortSignal }): Promise<readonly [string, string][]> {
  const names = ref === 'HEAD' || ref.startsWith('refs/') ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
  const output = (await git({ args: ['ls-remote', '--', repository, ...names.flatMap((name) => [name, `${name}^{}`])], signal })).toString('utf8');
  const found = new Map(output.split('\n').filter((line) => line.includes('\t')).map((line) => [line.split('\t')[1] ?? '', line.split('\t')[0] ?? '']));
  return names.flatMap((name): [string, string][] => {
    const commit = found.get(`${name}^{}`) ?? found.get(name);
    return commit === undefined ? [] : [[commit, name]];
  });
}

function refFailed({ repository, ref }: GitSource, why: string): DrError {
  const message = `cannot resolve "${ref}" of ${withoutCredentials(repository)}: ${why}`;
  return new DrError({ code: 'GIT_FAILED', message, suggestions: ['correct `specs.git.ref` in the plan'] });
}

/** Bare copies of repositories. Work on one repository goes one after the other, since git's locks do not wait. */
class RepositoryCache {
  readonly #git: RunGit;
  readonly #folder: string;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(git: RunGit, folder: string) {
    this.#git = git;
    this.#folder = folder;
  }

  /** Git directory that holds the commit with its files, fetched if it does not yet: first the commit alone, and everything if the server gives no single commits. */
  async holding(repository: string, { commit, signal }: { readonly commit: string; readonly signal: AbortSignal }): Promise<string> {
    return this.#inTurn(repository, async (gitDir) => {
      if (await this.#has(commit, { gitDir, signal })) return gitDir;
      try {
        await this.#git({ args: ['fetch', '--quiet', '--no-tags', '--depth=1', '--', repository, commit], gitDir, signal });
      } catch (error) {
        if (!isDrError(error, 'GIT_FAILED') || signal.aborted) throw error;
        await this.#fetchAll(repository, { gitDir, signal });
      }
      if (await this.#has(commit, { gitDir, signal })) return gitDir;
      throw refFailed({ repository, ref: commit, paths: [] }, 'the remote does not have this commit');
    }, signal);
  }

  /** The one commit that a shortened id means, or `undefined`. Needs all commits, so it fetches all. */
  async expand(repository: string, { short, signal }: { readonly short: string; readonly signal: AbortSignal }): Promise<string | undefined> {
    return this.#inTurn(repository, async (gitDir) => {
      await this.#fetchAll(repository, { gitDir, signal });
      try {
        return (await this.#git({ args: ['rev-parse', '--verify', '--quiet', `${short}^{commit}`], gitDir, signal })).toString('utf8').trim();
      } catch (error) {
        if (isDrError(error, 'GIT_FAILED') && error.details['exitCode'] === 1) return undefined;
        throw error;
      }
    }, signal);
  }

  async #fetchAll(repository: string, at: { readonly gitDir: string; readonly signal: AbortSignal }): Promise<void> {
    // Single commits fetched before have no history; without this git would believe that it has it.
    const deepen = existsSync(join(at.gitDir, 'shallow')) ? ['--unshallow'] : [];
    await this.#git({ args: ['fetch', '--quiet', '--no-tags', '--prune', ...deepen, '--', repository, '+refs/*:refs/remote/*'], ...at });
  }

  async #has(commit: string, at: { readonly gitDir: string; readonly signal: AbortSignal }): Promise<boolean> {
    const output = await this.#git({ args: ['cat-file', '--batch-check'], input: `${commit}^{tree}\n`, ...at });
    return output.toString('utf8').includes(' tree ');
  }

  async #inTurn<T>(repository: string, work: (gitDir: string) => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#turns.get(repository) ?? Promise.resolve();
    const turn = before.then(async () => work(await this.#directory(repository, signal)));
    // The next one goes on whether this one succeeds or not; its failure is its caller's.
    this.#turns.set(repository, turn.catch(() => undefined));
    return turn;
  }

  async #directory(repository: string, signal: AbortSignal): Promise<string> {
    const gitDir = join(this.#folder, `${createHash('sha256').update(repository).digest('hex').slice(0, 16)}.git`);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    // Harmless when it is there.
    await this.#git({ args: ['init', '--quiet', '--bare', gitDir], signal });
    return gitDir;
  }
}
