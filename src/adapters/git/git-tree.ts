import { DrError } from '../../errors/dr-error.ts';
import type { GitFile } from '../../ports/git.ts';
import type { RunGit } from './git-command.ts';

/** A commit in a local repository. */
export interface CommitPlace {
  readonly gitDir: string;
  readonly commit: string;
  readonly signal: AbortSignal;
}

const LFS_POINTER = 'version https://git-lfs.github.com/spec/';

/**
 * Reads the files of a commit under `paths` (all of them if empty), sorted by path. Throws `GIT_FAILED` for a path that is not in the commit, and for
 * what would be left out in silence otherwise: submodules, links that leave the repository, LFS pointers.
 */
export async function filesOf(git: RunGit, place: CommitPlace, paths: readonly string[]): Promise<readonly GitFile[]> {
  const listed = await listTree(git, place, normalPaths(paths));
  if (listed.length === 0) return [];
  const input = listed.map((path) => `${place.commit}:${path}\n`).join('');
  const output = await git({ args: ['cat-file', '--batch', '--follow-symlinks'], gitDir: place.gitDir, input, signal: place.signal });
  return parseBatch(output, listed).toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** The listing whose digest identifies what is under the paths: mode, type, object id and path of each file. */
export async function treeListing(git: RunGit, place: CommitPlace, paths: readonly string[]): Promise<Buffer> {
  const { gitDir, commit, signal } = place;
  return git({ args: ['ls-tree', '-r', '-z', '--full-tree', commit, '--', ...normalPaths(paths)], gitDir, signal });
}

async function listTree(git: RunGit, place: CommitPlace, paths: readonly string[]): Promise<readonly string[]> {
  const entries = (await treeListing(git, place, paths))
    .toString('utf8')
    .split('\0')
    .filter((entry) => entry !== '');
  const files = entries.map((entry) => parseEntry(entry, place.commit));
  for (const path of paths) {
    if (!files.some((file) => file === path || file.startsWith(`${path}/`))) {
      throw failed(`there is no ${path} in commit ${place.commit}`, 'correct `specs.git.paths` in the plan');
    }
  }
  return [...new Set(files)];
}

/** `<mode> <type> <object>\t<path>`, git-ls-tree(1). */
function parseEntry(entry: string, commit: string): string {
  const tab = entry.indexOf('\t');
  const path = entry.slice(tab + 1);
  if (entry.slice(0, tab).split(' ')[1] === 'commit')
    throw failed(`${path} in commit ${commit} is a submodule, whose files are not read`, 'leave it out of `specs.git.paths`');
  if (path.includes('\n')) throw failed(`${JSON.stringify(path)} in commit ${commit} has a line break in its name`, 'rename the file');
  return path;
}

/** Reads `<object> blob <size>\n<bytes>\n` for each path in turn, git-cat-file(1). */
function parseBatch(output: Buffer, paths: readonly string[]): GitFile[] {
  let offset = 0;
  return paths.map((path) => {
    const end = output.indexOf(0x0a, offset);
    const header = output.toString('utf8', offset, end);
    const size = /^[0-9a-f]+ blob (\d+)$/.exec(header)?.[1];
    if (size === undefined)
      throw failed(
        `${path} cannot be read: ${header.split(' ')[0] ?? header} (a link to a folder, to nowhere or out of the repository)`,
        'replace the link by a file',
      );
    const content = output.subarray(end + 1, end + 1 + Number(size));
    offset = end + 1 + Number(size) + 1;
    if (content.toString('latin1', 0, LFS_POINTER.length) === LFS_POINTER)
      throw failed(`${path} is a Git LFS pointer, not the file itself`, 'keep specs outside of LFS');
    return { path, content };
  });
}

/** `./a/b/` and `a/b` are the same; one of `.` or `/` is everything, and so is none. */
function normalPaths(paths: readonly string[]): readonly string[] {
  const normal = paths.map((path) =>
    path
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .join('/'),
  );
  return normal.includes('') ? [] : normal;
}

function failed(message: string, suggestion: string): DrError {
  return new DrError({ code: 'GIT_FAILED', message, suggestions: [suggestion] });
}
