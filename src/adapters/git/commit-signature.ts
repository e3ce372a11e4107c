import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CommitSignature } from '../../ports/git.ts';
import type { RunGit } from './git-command.ts';
import type { CommitPlace } from './git-tree.ts';

/** Git's one-letter verdicts other than `G`, good (git-log(1), `%G?`). */
const VERDICTS: Readonly<Record<string, string>> = {
  N: 'it is not signed',
  B: 'its signature is bad: the commit was changed after it was signed',
  U: 'its signature is good, but the file allows no principal that key at that time',
  X: 'its signature has expired',
  Y: 'its key has expired',
  R: 'its key is revoked',
  E: 'its signature cannot be checked',
};
/** Fingerprint of an SSH key, as ssh-keygen(1) prints it; those of OpenPGP and X.509 keys are bare digits. */
const SSH_KEY = /^SHA256:\S+$/;

/**
 * Asks git who signed a commit. Only SSH signatures count: what else git would accept by the user's own keyring is not in the file that the plan names.
 *
 * @see git-verify-commit(1), which uses the same check, and `gpg.ssh.allowedSignersFile` in git-config(1)
 */
export async function commitSignature(git: RunGit, place: CommitPlace, allowedSigners: string): Promise<CommitSignature> {
  const file = allowedSigners.startsWith('~/') ? join(homedir(), allowedSigners.slice(2)) : resolve(allowedSigners);
  // Without the file git says `not signed` of a signed commit.
  if (!(await isReadable(file))) return { ok: false, reason: `the allowed signers file '${allowedSigners}' cannot be read` };
  const args = ['-c', `gpg.ssh.allowedSignersFile=${file}`, 'show', '--no-patch', '--format=%G?%x00%GS%x00%GF%x00%GG', place.commit];
  const shown = (await git({ args, gitDir: place.gitDir, signal: place.signal })).toString('utf8');
  const [verdict = '', signer = '', key = '', words = ''] = shown.trim().split('\0');
  if (verdict === 'G' && SSH_KEY.test(key) && signer !== '') return { ok: true, signer, key };
  if (verdict === 'G') return { ok: false, reason: `it is signed with ${key || 'a key'}, which is no SSH key of an allowed signer` };
  const reason = VERDICTS[verdict] ?? `git answers '${verdict}'`;
  const detail = [...new Set([key, words.trim().split('\n').at(-1) ?? ''])].filter((part) => part !== '').join('; ');
  return { ok: false, reason: detail === '' ? reason : `${reason} (${detail})` };
}

async function isReadable(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
