import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { asDrError, DrError, isDrError } from '../../errors/dr-error.ts';
import type { Processes } from '../../ports/processes.ts';
import type { SignatureCheck, Signatures, SignedText } from '../../ports/signatures.ts';

/** Namespaces of PROTOCOL.sshsig by purpose: a signature made for git, for files or for the other purpose does not verify, nor ours there. */
const NAMESPACES = { approval: 'lattice-dr-approval', seal: 'lattice-dr-seal' } as const;
/** A signature takes milliseconds; a security key may wait for a touch. */
const TIMEOUT_MS = 60_000;

export interface SshSignaturesOptions {
  readonly processes: Processes;
  /** What the signatures are about: decisions about runs, or seals of backups. */
  readonly purpose: keyof typeof NAMESPACES;
  /** Home directory that `~/` stands for. Default: this user's. */
  readonly home?: string;
}

/**
 * Signs and verifies with the user's `ssh-keygen` (OpenSSH 8.1 or later), as git does: keys that engineers have already, hardware keys and agents included,
 * and an allowed signers file that may revoke keys and limit their time.
 *
 * @see ssh-keygen(1), "ALLOWED SIGNERS", and PROTOCOL.sshsig of OpenSSH
 */
export function createSshSignatures(options: SshSignaturesOptions): Signatures {
  return {
    sign: async (text, keyFile, signal) => await sign(options, { text, keyFile, signal }),
    verify: async (signed, allowedSigners, signal) => await verify(options, { signed, file: pathOf(allowedSigners, options), signal }),
  };
}

interface Signing {
  readonly text: string;
  readonly keyFile: string;
  readonly signal: AbortSignal;
}

async function sign(options: SshSignaturesOptions, { text, keyFile, signal }: Signing): Promise<string> {
  const args = ['-Y', 'sign', '-n', NAMESPACES[options.purpose], '-f', pathOf(keyFile, options)];
  try {
    const { stdout } = await options.processes.run({ file: 'ssh-keygen', args, stdin: text, signal, timeoutMs: TIMEOUT_MS });
    return stdout;
  } catch (error) {
    if (!isDrError(error, 'PROCESS_FAILED')) throw error;
    throw new DrError({
      code: 'PROCESS_FAILED',
      message: `ssh-keygen could not sign with '${keyFile}': ${lastLine(error)}`,
      suggestions: [
        `see that the key file '${keyFile}' is there and that only you can read it`,
        'a key with a passphrase signs through the agent: ssh-add KEY, then name the public key file, KEY.pub',
      ],
      cause: error,
    });
  }
}

interface Verifying {
  readonly signed: SignedText;
  readonly file: string;
  readonly signal: AbortSignal;
}

async function verify({ processes, purpose }: SshSignaturesOptions, { signed, file, signal }: Verifying): Promise<SignatureCheck> {
  if (!(await isReadable(file)))
    return { ok: false, reason: `the allowed signers file '${file}' cannot be read: put it there, or correct approvals.allowedSigners of the plan` };
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-signature-'));
    // ssh-keygen takes the text from standard input and the signature from a file only.
    const signature = join(folder, 'signature');
    await writeFile(signature, signed.signature, { mode: 0o600 });
    const args = ['-Y', 'verify', '-n', NAMESPACES[purpose], '-f', file, '-I', signed.principal, '-s', signature];
    const { stdout } = await processes.run({ file: 'ssh-keygen', args, stdin: signed.text, signal, timeoutMs: TIMEOUT_MS });
    return { ok: true, key: /SHA256:\S+/.exec(stdout)?.[0] ?? 'unknown' };
  } catch (error) {
    if (isDrError(error, 'CANCELLED')) throw error;
    return { ok: false, reason: `ssh-keygen does not accept the signature for '${signed.principal}': ${lastLine(asDrError(error))}` };
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** What the program said last, or why it could not be run. */
function lastLine(error: DrError): string {
  const { output } = error.details;
  const lines = typeof output === 'string' ? output.trim().split('\n') : [];
  return lines.at(-1) || error.message;
}

async function isReadable(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}

function pathOf(path: string, { home = homedir() }: SshSignaturesOptions): string {
  return path.startsWith('~/') ? join(home, path.slice(2)) : resolve(path);
}
