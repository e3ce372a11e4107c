import { DrError } from '../../src/errors/dr-error.ts';
import { Secret, type SecretRef } from '../../src/model/secret.ts';
import type { SecretFiles } from '../../src/ports/secret-files.ts';

/**
 * Secrets in memory: variables by name, files by path. "Encryption" is a first line `<identity>` before the text, so that a wrong identity is refused
 * as a real one is; a recipient stands for the identity of the same text.
 */
export class MemorySecretFiles implements SecretFiles {
  readonly env = new Map<string, string>();
  readonly files = new Map<string, string>();
  /** Files that cannot be written, with the reason. */
  readonly unwritable = new Map<string, string>();

  async read(ref: SecretRef): Promise<Secret> {
    const [value, name] = 'env' in ref ? [this.env.get(ref.env), ref.env] : [this.files.get(ref.file), ref.file];
    if (value === undefined) throw missing(name);
    return new Secret(value);
  }

  async readEncrypted(path: string): Promise<Uint8Array> {
    const value = this.files.get(path);
    if (value === undefined) throw missing(path);
    return new TextEncoder().encode(value);
  }

  async write(path: string, value: Secret | string): Promise<string> {
    this.files.set(path, typeof value === 'string' ? value : value.reveal());
    return path;
  }

  async cannotWrite(path: string): Promise<string | undefined> {
    return this.unwritable.get(path);
  }

  async decryptAge(content: Uint8Array, identity: SecretRef): Promise<Secret> {
    return decrypt(content, await this.read(identity));
  }

  async encryptAge(value: Secret, recipients: readonly string[]): Promise<string> {
    return Buffer.from(encryptForTest(value.reveal(), recipients.join(','))).toString();
  }

  async decryptSops(content: Uint8Array, identity: SecretRef | undefined): Promise<Secret> {
    return decrypt(content, identity === undefined ? new Secret('') : await this.read(identity));
  }
}

/** What `MemorySecretFiles` decrypts with that identity. */
export function encryptForTest(text: string, identity: string): Uint8Array {
  return new TextEncoder().encode(`${identity}\n${text}`);
}

function decrypt(content: Uint8Array, identity: Secret): Secret {
  const text = new TextDecoder().decode(content);
  const end = text.indexOf('\n');
  if (text.slice(0, end) !== identity.reveal()) throw new DrError({ code: 'SECRET_UNREADABLE', message: 'the file cannot be decrypted with this identity' });
  return new Secret(text.slice(end + 1));
}

function missing(name: string): DrError {
  return new DrError({ code: 'SECRET_SOURCE_MISSING', message: `there is no ${name}` });
}
