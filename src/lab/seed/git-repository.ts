import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { GIT_FOLDERS, type World } from './world.ts';

const run = promisify(execFile);

/** Author and time of the seed's commits: the same content gives the same commit id on every machine. */
const IDENTITY = {
  GIT_AUTHOR_NAME: 'Platform Team',
  GIT_AUTHOR_EMAIL: 'platform@lab.test',
  GIT_COMMITTER_NAME: 'Platform Team',
  GIT_COMMITTER_EMAIL: 'platform@lab.test',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
};

async function git(repository: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run('git', ['-C', repository, ...args], { env: { ...process.env, ...IDENTITY } });
  return stdout.trim();
}

/** Puts the world's files into a git repository, branch `main`, replacing what was there by one more commit if anything differs. Gives the commit. */
export async function commitWorld(world: World, repository: string): Promise<string> {
  await mkdir(repository, { recursive: true });
  await git(repository, 'init', '--quiet', '--initial-branch=main');
  for (const folder of GIT_FOLDERS) await rm(join(repository, folder), { recursive: true, force: true });
  for (const file of world.files.filter(({ path }) => GIT_FOLDERS.some((folder) => path.startsWith(`${folder}/`)))) {
    await mkdir(dirname(join(repository, file.path)), { recursive: true });
    await writeFile(join(repository, file.path), file.text);
  }
  await git(repository, 'add', '--all');
  if ((await git(repository, 'status', '--porcelain')) !== '') await git(repository, 'commit', '--quiet', '--message', `specs of ${world.cluster}`);
  return git(repository, 'rev-parse', 'HEAD');
}
