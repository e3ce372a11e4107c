import type { Secret, SecretRef } from '../model/secret.ts';

/** Reads secret references and decrypts secret documents. */
export interface SecretFiles {
  /** The referenced value. Throws `SECRET_SOURCE_MISSING` naming the variable or file. `~/` is the home directory. */
  read(ref: SecretRef): Promise<Secret>;
  /** Decrypts an age file (armoured or binary). */
  decryptAge(content: Uint8Array, identity: SecretRef): Promise<Secret>;
  /** Decrypts a SOPS YAML document with the user's `sops`; throws `PROCESS_NOT_FOUND` with the way out. */
  decryptSops(content: Uint8Array, identity: SecretRef | undefined, signal: AbortSignal): Promise<Secret>;
}
