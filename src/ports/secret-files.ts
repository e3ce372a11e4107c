import type { Secret, SecretRef } from '../model/secret.ts';

/** Reads secret references, decrypts secret documents and keeps credentials that a recovery obtains. */
export interface SecretFiles {
  /** The referenced value. Throws `SECRET_SOURCE_MISSING` naming the variable or file. `~/` is the home directory. */
  read(ref: SecretRef): Promise<Secret>;
  /** The bytes of an encrypted file, for `decryptAge`. Throws `SECRET_SOURCE_MISSING` naming the file. */
  readEncrypted(path: string): Promise<Uint8Array>;
  /**
   * Writes a credential, or what only its reader may see though nothing in it is secret, to a file only its owner can read (0600, folders 0700), atomically.
   * Gives the absolute path.
   */
  write(path: string, value: Secret | string): Promise<string>;
  /** Why a credential could not be written to that file; `undefined` when it can be. Writes nothing. */
  cannotWrite(path: string): Promise<string | undefined>;
  /** Decrypts an age file (armoured or binary). */
  decryptAge(content: Uint8Array, identity: SecretRef): Promise<Secret>;
  /** Encrypts to age recipients; gives the armoured text. Throws `INPUT_INVALID` for a recipient that cannot be used. */
  encryptAge(value: Secret, recipients: readonly string[]): Promise<string>;
  /** Decrypts a SOPS YAML document with the user's `sops`; throws `PROCESS_NOT_FOUND` with the way out. */
  decryptSops(content: Uint8Array, identity: SecretRef | undefined, signal: AbortSignal): Promise<Secret>;
}
