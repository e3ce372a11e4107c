import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DrError } from '../../errors/dr-error.ts';
import { Secret, type SecretRef } from '../../model/secret.ts';
import type { Processes } from '../../ports/processes.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';

/** A SOPS document with a remote key (KMS, Vault) takes a round trip or two. */
const SOPS_TIMEOUT_MS = 60_000;
const ARMOR_START = '-----BEGIN AGE ENCRYPTED FILE-----';

export interface SecretFilesOptions {
  /** Environment that `env` references are looked up in. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly processes: Processes;
  /** Home directory that `~/` stands for. Default: this user's. */
  readonly home?: string;
}

/** Reads secrets from the environment and from files, and decrypts age files (in this process) and SOPS files (with the user's `sops`). */
export function createSecretFiles(options: SecretFilesOptions): SecretFiles {
  const read = async (ref: SecretRef) => readSecret(ref, options);
  return {
    read,
    readEncrypted: async (path) => readFileOr(resolvePath(path, options), 'encrypted file'),
    write: async (path, value) => writePrivate(resolvePath(path, options), value),
    cannotWrite: async (path) => cannotWrite(resolvePath(path, options)),
    decryptAge: async (content, identity) => decryptAge(content, { identity: await read(identity), origin: describe(identity) }),
    encryptAge,
    decryptSops: async (content, identity, signal) => {
      const env = identity === undefined ? {} : { SOPS_AGE_KEY: await read(identity) };
      const args = ['--decrypt', '--input-type', 'yaml', '--output-type', 'yaml', '/dev/stdin'];
      const stdin = Buffer.from(content).toString('utf8');
      const { stdout } = await options.processes.run({ file: 'sops', args, env, stdin, signal, timeoutMs: SOPS_TIMEOUT_MS }).catch(asUnreadable);
      return new Secret(stdout);
    },
  };
}

async function readSecret(ref: SecretRef, options: SecretFilesOptions): Promise<Secret> {
  if ('file' in ref) return new Secret((await readFileOr(resolvePath(ref.file, options), 'secret file')).toString('utf8'));
  const value = options.env[ref.env];
  if (value !== undefined && value !== '') return new Secret(value);
  throw missing(`the environment variable ${ref.env} is not set`, `export ${ref.env}, or change the reference in the plan`);
}

async function readFileOr(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw missing(`the ${what} ${path} cannot be read (${code ?? 'unknown'})`, 'put the file there, or change the reference in the plan', cause);
  }
}

/** Absolute path; `~/` is the home directory. */
function resolvePath(path: string, { home = homedir() }: SecretFilesOptions): string {
  return path.startsWith('~/') ? join(home, path.slice(2)) : resolve(path);
}

/** Writes beside the target and renames: nobody ever sees half a credential, or one that others can read. */
async function writePrivate(path: string, value: Secret | string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, typeof value === 'string' ? value : value.reveal(), { mode: 0o600, flag: 'wx', flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return path;
}

/** Looks at the folder that `writePrivate` would use, or at the nearest one that exists and in which it would be made. */
async function cannotWrite(path: string): Promise<string | undefined> {
  if (
    await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    )
  )
    return `${path} is a folder`;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    try {
      if (!(await stat(folder)).isDirectory()) return `${folder} is not a folder`;
      await access(folder, constants.W_OK | constants.X_OK);
      return undefined;
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
      if (code === 'ENOTDIR' || (code === 'ENOENT' && folder !== dirname(folder))) continue;
      return `folder ${folder} cannot be written to (${code})`;
    }
  }
}

async function decryptAge(content: Uint8Array, key: { readonly identity: Secret; readonly origin: string }): Promise<Secret> {
  const { armor, Decrypter } = await import('age-encryption');
  const identities = key.identity
    .reveal()
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('AGE-SECRET-KEY-'));
  if (identities.length === 0) throw unreadable(`${key.origin} holds no age identity (a line that starts with AGE-SECRET-KEY-)`);
  const decrypter = new Decrypter();
  for (const [index, identity] of identities.entries()) {
    try {
      decrypter.addIdentity(identity);
    } catch {
      // The library's message quotes the whole key when its checksum is wrong.
      throw unreadable(`the age identity ${index + 1} of ${identities.length} in ${key.origin} is no valid key: it may be cut short or mistyped`);
    }
  }
  try {
    const text = Buffer.from(content).toString('latin1');
    const bytes = text.trimStart().startsWith(ARMOR_START) ? armor.decode(text.trim()) : content;
    return new Secret(await decrypter.decrypt(bytes, 'text'));
  } catch (cause) {
    throw unreadable(`the age file cannot be decrypted with the identity of ${key.origin}: ${closedReason((cause as Error).message)}`);
  }
}

/** What the library says, but for what it quotes: the first line of a file that is none of age's, such as an identity that was taken for the file. */
function closedReason(message: string): string {
  return message.startsWith('invalid version') ? 'it is no age file' : message;
}

/** Encrypts in this process, so that no plain text is written. */
async function encryptAge(value: Secret, recipients: readonly string[]): Promise<string> {
  const { armor, Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (cause) {
      throw new DrError({ code: 'INPUT_INVALID', message: `"${recipient}" cannot be encrypted to: ${(cause as Error).message}`, cause });
    }
  }
  return armor.encode(await encrypter.encrypt(value.reveal()));
}

/** A program that ran and failed could not decrypt; one that is not installed stays what it is. */
function asUnreadable(error: unknown): never {
  if (error instanceof DrError && error.code === 'PROCESS_FAILED')
    throw unreadable(`sops cannot decrypt the file: ${String(error.details['output'] ?? '')}`, error);
  throw error;
}

function describe(ref: SecretRef): string {
  return 'env' in ref ? `$${ref.env}` : ref.file;
}

function missing(message: string, suggestion: string, cause?: unknown): DrError {
  return new DrError({ code: 'SECRET_SOURCE_MISSING', message, suggestions: [suggestion], ...(cause === undefined ? {} : { cause }) });
}

function unreadable(message: string, cause?: unknown): DrError {
  const suggestions = ['check that the identity is one of those the file was encrypted for'];
  return new DrError({ code: 'SECRET_UNREADABLE', message, suggestions, ...(cause === undefined ? {} : { cause }) });
}
