import { DrError } from '../../errors/dr-error.ts';
import { digestOf } from '../../model/digest.ts';
import type { Git, GitSource } from '../../ports/git.ts';
import { CommitCache } from './commit-cache.ts';
import { commitSignature } from './commit-signature.ts';
import { gitRunner, type RunGit, withoutCredentials } from './git-command.ts';
import { type CommitPlace, filesOf, treeListing } from './git-tree.ts';

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const SHORT_COMMIT = /^[0-9a-f]{7,39}$/;

export interface UserGitOptions {
  /** Folder for copies of commits; made when needed. */
  readonly cacheDir: string;
  /** Environment that git inherits. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads repositories through the user's own git, into copies that serve later runs too when the remote is away. */
export function createGit({ cacheDir, env }: UserGitOptions): Git {
  const git = gitRunner(env);
  const cache = new CommitCache(git, cacheDir);
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
    signatureOf: async (source, { allowedSigners, signal }) => commitSignature(git, await place(source, signal), allowedSigners),
  };
}

interface ResolveContext {
  readonly git: RunGit;
  readonly cache: CommitCache;
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
async function remoteCandidates(
  { repository, ref }: GitSource,
  { git, signal }: { readonly git: RunGit; readonly signal: AbortSignal },
): Promise<readonly [string, string][]> {
  const names = ref === 'HEAD' || ref.startsWith('refs/') ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
  const output = (await git({ args: ['ls-remote', '--', repository, ...names.flatMap((name) => [name, `${name}^{}`])], signal })).toString('utf8');
  const found = new Map(
    output
      .split('\n')
      .filter((line) => line.includes('\t'))
      .map((line) => [line.split('\t')[1] ?? '', line.split('\t')[0] ?? '']),
  );
  return names.flatMap((name): [string, string][] => {
    const commit = found.get(`${name}^{}`) ?? found.get(name);
    return commit === undefined ? [] : [[commit, name]];
  });
}

function refFailed({ repository, ref }: GitSource, why: string): DrError {
  const message = `cannot resolve "${ref}" of ${withoutCredentials(repository)}: ${why}`;
  return new DrError({ code: 'GIT_FAILED', message, suggestions: ['correct `specs.git.ref` in the plan'] });
}
