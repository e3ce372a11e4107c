import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** A git repository of a test, made with the machine's git. */
export interface TestRepository {
  readonly path: string;
  /** Runs git in it and gives what it printed. */
  git(...args: readonly string[]): Promise<string>;
  /** Writes files and commits all changes; gives the commit id. */
  commit(files: Readonly<Record<string, string | Uint8Array>>, subject?: string): Promise<string>;
  /** Makes a symbolic link in the work tree. */
  link(path: string, target: string): Promise<void>;
}

/** Makes an empty repository with branch `main`. Nothing of the user's own git configuration is used. */
export async function createRepository(path: string): Promise<TestRepository> {
  const identity = { GIT_AUTHOR_NAME: 'Test', GIT_AUTHOR_EMAIL: 'test@example.com', GIT_COMMITTER_NAME: 'Test', GIT_COMMITTER_EMAIL: 'test@example.com' };
  const env = { ...process.env, ...identity, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', GIT_COMMITTER_DATE: '2026-03-01T04:00:00+01:00' };
  const git = async (...args: readonly string[]) => (await promisify(execFile)('git', ['-C', path, ...args], { env })).stdout.trim();
  await mkdir(path, { recursive: true });
  await git('init', '--quiet', '--initial-branch', 'main');
  return {
    path,
    git,
    async commit(files, subject = 'a commit') {
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(path, name)), { recursive: true });
        await writeFile(join(path, name), content);
      }
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '-m', subject);
      return git('rev-parse', 'HEAD');
    },
    link: async (name, target) => symlink(target, join(path, name)),
  };
}
