import { mkdir, readdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGit } from '../../src/adapters/git/user-git.ts';
import type { Git } from '../../src/ports/git.ts';
import { createRepository, type TestRepository } from './git-repository.ts';
import { temporaryFolder } from './servers.ts';

describe('Git through the git of this machine', { timeout: 30_000 }, () => {
  let folder: AsyncDisposable & { readonly path: string };
  let repository: TestRepository;
  let git: Git;
  const signal = () => AbortSignal.timeout(20_000);
  const environment = { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
  const source = (ref: string, paths: readonly string[] = []) => ({ repository: repository.path, ref, paths });
  const at = (commit: string, paths: readonly string[] = []) => ({ ...source('main', paths), commit });
  const paths = async (commit: string, under: readonly string[] = []) => (await git.files(at(commit, under), signal())).map(({ path }) => path);

  beforeEach(async () => {
    folder = await temporaryFolder('git');
    repository = await createRepository(join(folder.path, 'repository'));
    git = createGit({ cacheDir: join(folder.path, 'cache'), env: environment });
  });
  afterEach(async () => folder[Symbol.asyncDispose]());

  it('resolves a branch, a tag, an annotated tag, a full name, HEAD and a commit', async () => {
    const commit = await repository.commit({ 'a.yaml': 'a: 1\n' });
    await repository.git('tag', 'light');
    await repository.git('tag', '-a', '-m', 'annotated', 'v1.0.0');
    for (const ref of ['main', 'light', 'v1.0.0', 'refs/heads/main', 'refs/tags/v1.0.0', 'HEAD', commit, commit.slice(0, 10)])
      expect(await git.resolve(source(ref), signal())).toBe(commit);
  });

  it('asks the remote each time', async () => {
    const first = await repository.commit({ a: '1' });
    expect(await git.resolve(source('main'), signal())).toBe(first);
    const second = await repository.commit({ a: '2' });
    expect(await git.resolve(source('main'), signal())).toBe(second);
  });

  it('says what is wrong with a ref: unknown, ambiguous, an option, a commit that is not there', async () => {
    await repository.commit({ a: '1' });
    await repository.git('tag', 'both');
    await repository.commit({ a: '2' });
    await repository.git('branch', 'both');
    const refused = async (ref: string) => git.resolve(source(ref), signal()).catch((error: unknown) => error);
    expect(await refused('absent')).toMatchObject({ code: 'GIT_FAILED', message: expect.stringMatching(/"absent".*no such branch or tag/) });
    expect(await refused('both')).toMatchObject({ code: 'GIT_FAILED', message: expect.stringMatching(/refs\/heads\/both and refs\/tags\/both/) });
    expect(await refused('--upload-pack=touch /tmp/x')).toMatchObject({ code: 'GIT_FAILED' });
    expect(await refused('ai')).toMatchObject({ code: 'GIT_FAILED' });
    expect(await refused('0123456789012345678901234567890123456789')).toMatchObject({ code: 'GIT_FAILED' });
    expect(await refused('0123456')).toMatchObject({ code: 'GIT_FAILED' });
  });

  it('does not take a branch whose name only ends like the ref', async () => {
    await repository.commit({ a: '1' });
    await repository.git('branch', 'feature/stable');
    await expect(git.resolve(source('stable'), signal())).rejects.toMatchObject({ code: 'GIT_FAILED' });
  });

  it('gives the files under the paths, bytes as they are, sorted', async () => {
    const binary = new Uint8Array([0, 255, 10, 13, 0]);
    const commit = await repository.commit({ 'b/2.yaml': 'two\n', 'b/1.yaml': 'one', 'c.bin': binary, 'bb/x': 'x', 'with space/ü.yaml': 'u', empty: '' });
    expect(await paths(commit)).toEqual(['b/1.yaml', 'b/2.yaml', 'bb/x', 'c.bin', 'empty', 'with space/ü.yaml']);
    expect(await paths(commit, ['b'])).toEqual(['b/1.yaml', 'b/2.yaml']);
    expect(await paths(commit, ['./b/', 'c.bin', 'b/1.yaml'])).toEqual(['b/1.yaml', 'b/2.yaml', 'c.bin']);
    expect(await paths(commit, ['.', 'b'])).toHaveLength(6);
    const files = new Map((await git.files(at(commit), signal())).map(({ path, content }) => [path, Buffer.from(content)]));
    expect(files.get('c.bin')).toEqual(Buffer.from(binary));
    expect(files.get('empty')).toHaveLength(0);
    expect(files.get('b/1.yaml')?.toString()).toBe('one');
  });

  it('reads the commit that was asked for, not the newest', async () => {
    const old = await repository.commit({ a: 'old' });
    await repository.commit({ a: 'new', b: 'new' });
    expect((await git.files(at(old), signal())).map(({ path, content }) => [path, Buffer.from(content).toString()])).toEqual([['a', 'old']]);
    const fresh = createGit({ cacheDir: join(folder.path, 'cache'), env: environment });
    expect(await fresh.resolve(source(old.slice(0, 12)), signal())).toBe(old);
  });

  it('refuses a path that is not in the commit', async () => {
    const commit = await repository.commit({ 'a/x': '1' });
    await expect(paths(commit, ['a', 'absent/folder'])).rejects.toMatchObject({ code: 'GIT_FAILED', message: expect.stringContaining('absent/folder') });
    await expect(paths(commit, ['a*'])).rejects.toMatchObject({ code: 'GIT_FAILED' });
  });

  it('follows links inside the repository, and refuses what it would have to leave out', async () => {
    await repository.commit({ 'real.yaml': 'real' });
    await repository.link('alias.yaml', 'real.yaml');
    const linked = await repository.commit({});
    expect((await git.files(at(linked, ['alias.yaml']), signal())).map(({ content }) => Buffer.from(content).toString())).toEqual(['real']);
    await repository.link('outside', '/etc/hostname');
    await expect(paths(await repository.commit({}))).rejects.toMatchObject({ code: 'GIT_FAILED', message: expect.stringContaining('outside') });
    await rm(join(repository.path, 'outside'));
    const pointer = await repository.commit({ 'lfs.yaml': 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' });
    await expect(paths(pointer)).rejects.toMatchObject({ code: 'GIT_FAILED', message: expect.stringContaining('LFS') });
    await rm(join(repository.path, 'lfs.yaml'));
    await repository.git('update-index', '--add', '--cacheinfo', `160000,${pointer},module`);
    await repository.git('commit', '--quiet', '-m', 'submodule');
    await expect(paths(await repository.git('rev-parse', 'HEAD'))).rejects.toMatchObject({ code: 'GIT_FAILED', message: expect.stringContaining('submodule') });
  });

  it('describes a commit; its tree digest follows content and paths only', async () => {
    const first = await repository.commit({ 'a/x': '1', 'b/y': '1' }, 'the subject line');
    const description = await git.describe(at(first, ['a']), signal());
    expect(description).toEqual({ committedAt: '2026-03-01T03:00:00.000Z', subject: 'the subject line', tree: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    const other = await repository.commit({ 'b/y': '2' });
    expect((await git.describe(at(other, ['a']), signal())).tree).toBe(description.tree);
    expect((await git.describe(at(other, ['b']), signal())).tree).not.toBe((await git.describe(at(first, ['b']), signal())).tree);
  });

  it('fetches once, serves from its copy when the remote is away, and starts no two fetches of one repository', async () => {
    const commit = await repository.commit({ a: '1' });
    const [first, ...rest] = await Promise.all(Array.from({ length: 6 }, async () => git.files(at(commit), signal())));
    for (const files of rest) expect(files).toEqual(first);
    await rename(repository.path, `${repository.path}-away`);
    expect(await paths(commit)).toEqual(['a']);
    await expect(git.resolve(source('main'), signal())).rejects.toMatchObject({
      code: 'GIT_FAILED',
      message: expect.stringMatching(/does not (exist|appear)/),
    });
    expect(await readdir(join(folder.path, 'cache'))).toHaveLength(1);
  });

  it("is in nobody's way after a fetch that was killed: unfinished copies are not used, and removed when old", async () => {
    const commit = await repository.commit({ a: '1' });
    await paths(commit);
    const [name = ''] = await readdir(join(folder.path, 'cache'));
    const [fresh, old] = ['fresh.part', 'old.part'].map((part) => join(folder.path, 'cache', name, part));
    for (const part of [fresh, old]) await mkdir(part ?? '');
    await utimes(old ?? '', 0, 0);
    expect(await paths(await repository.commit({ a: '2' }))).toEqual(['a']);
    const left = await readdir(join(folder.path, 'cache', name));
    expect(left.filter((entry) => entry.endsWith('.part'))).toEqual(['fresh.part']);
    expect(left.filter((entry) => entry.endsWith('.git'))).toHaveLength(2);
  });

  it('lets two processes fetch the same commit at a time', async () => {
    const commit = await repository.commit({ a: '1' });
    const another = createGit({ cacheDir: join(folder.path, 'cache'), env: environment });
    const results = await Promise.all([git, another].map(async (one) => one.files(at(commit), signal())));
    expect(results[0]).toEqual(results[1]);
  });

  it('cuts tokens out of URLs when it quotes git', async () => {
    const url = 'https://user:token123@127.0.0.1:1/repository.git';
    const error = await git.resolve({ repository: url, ref: 'main', paths: [] }, signal()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'GIT_FAILED' });
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('token123');
  });

  it('says that git is missing', async () => {
    await mkdir(join(folder.path, 'bin'));
    const bare = createGit({ cacheDir: join(folder.path, 'cache'), env: { PATH: join(folder.path, 'bin') } });
    await expect(bare.resolve(source('main'), signal())).rejects.toMatchObject({ code: 'PROCESS_NOT_FOUND' });
  });

  it('stops at the signal', async () => {
    await repository.commit({ a: '1' });
    await expect(git.resolve(source('main'), AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
