import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGit } from '../../src/adapters/git/user-git.ts';
import type { CommitSignature, Git } from '../../src/ports/git.ts';
import { createRepository, type TestRepository } from './git-repository.ts';
import { temporaryFolder } from './servers.ts';

const run = promisify(execFile);

/** Commits signed by git and ssh-keygen of this machine, and one that was altered after it was signed. */
describe('who signed a commit', { timeout: 30_000 }, () => {
  let folder: AsyncDisposable & { readonly path: string };
  let repository: TestRepository;
  let git: Git;
  let allowed: string;
  const environment = { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };

  const key = (name: string): string => join(folder.path, name);
  const fingerprint = async (name: string) => (await run('ssh-keygen', ['-l', '-f', `${key(name)}.pub`])).stdout.split(' ')[1];
  const signedBy = async (name: string): Promise<string> => {
    await repository.git('-c', 'gpg.format=ssh', '-c', `user.signingKey=${key(name)}`, 'commit', '--quiet', '--allow-empty', '-S', '-m', `by ${name}`);
    return await repository.git('rev-parse', 'HEAD');
  };
  const look = async (commit: string, allowedSigners = allowed): Promise<CommitSignature> =>
    await git.signatureOf({ repository: repository.path, ref: 'main', paths: [], commit }, { allowedSigners, signal: AbortSignal.timeout(20_000) });

  beforeAll(async () => {
    folder = await temporaryFolder('git-signatures');
    repository = await createRepository(join(folder.path, 'repository'));
    git = createGit({ cacheDir: join(folder.path, 'cache'), env: environment });
    for (const name of ['ann', 'bob', 'eve']) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', key(name)]);
    const publicKey = async (name: string) => (await readFile(`${key(name)}.pub`, 'utf8')).trim();
    allowed = join(folder.path, 'allowed signers');
    // The commits of these tests are of 2026-03-01; git judges a key at the time of the commit.
    await writeFile(allowed, `ann@example.com ${await publicKey('ann')}\nbob@example.com valid-before="20260101" ${await publicKey('bob')}\n`);
  });
  afterAll(async () => folder[Symbol.asyncDispose]());

  it('names the principal and the key', async () => {
    expect(await look(await signedBy('ann'))).toEqual({ ok: true, signer: 'ann@example.com', key: await fingerprint('ann') });
  });

  it('gives the reason for a commit without a signature, of a stranger, of a key that was not valid then, and without the file', async () => {
    expect(await look(await repository.commit({ a: '1' }))).toEqual({ ok: false, reason: 'it is not signed' });
    expect(await look(await signedBy('eve'))).toEqual({
      ok: false,
      reason: expect.stringContaining(`allows no principal that key at that time (${await fingerprint('eve')}`),
    });
    expect(await look(await signedBy('bob'))).toEqual({
      ok: false,
      reason: expect.stringContaining(`allows no principal that key at that time (${await fingerprint('bob')}`),
    });
    const missing = join(folder.path, 'gone');
    expect(await look(await signedBy('ann'), missing)).toEqual({ ok: false, reason: `the allowed signers file '${missing}' cannot be read` });
  });

  it('does not accept a signature over another commit', async () => {
    const signed = await repository.git('cat-file', 'commit', await signedBy('ann'));
    const forged = join(folder.path, 'forged');
    await writeFile(forged, `${signed.replace('by ann', 'by nobody')}\n`);
    const commit = await repository.git('hash-object', '-t', 'commit', '-w', forged);
    await repository.git('update-ref', 'refs/heads/forged', commit);
    expect(await look(commit)).toEqual({ ok: false, reason: expect.stringMatching(/^its signature is bad/) });
  });
});
