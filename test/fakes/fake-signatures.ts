import { DrError } from '../../src/errors/dr-error.ts';
import { digestOf } from '../../src/model/digest.ts';
import type { SignatureCheck, Signatures, SignedText } from '../../src/ports/signatures.ts';

/** Allowed signers in memory: principals by the content of a "file", and signatures that name their key and the digest of the text. Nothing is secret here. */
export class FakeSignatures implements Signatures {
  /** Principals that each key may sign for, by the path of the allowed signers file. */
  readonly #files: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

  constructor(files: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>) {
    this.#files = files;
  }

  async sign(text: string, keyFile: string): Promise<string> {
    if (!keyFile.startsWith('key-')) throw new DrError({ code: 'PROCESS_FAILED', message: `cannot sign with '${keyFile}': no such key` });
    return `${keyFile} ${digestOf(text)}`;
  }

  async verify({ text, signature, principal }: SignedText, allowedSigners: string): Promise<SignatureCheck> {
    const file = this.#files[allowedSigners];
    if (file === undefined) return { ok: false, reason: `the allowed signers file '${allowedSigners}' cannot be read` };
    const [key = '', digest] = signature.split(' ');
    if (digest !== digestOf(text)) return { ok: false, reason: 'the signature is over another text' };
    if (file[key]?.includes(principal) !== true) return { ok: false, reason: `key '${key}' may not sign for '${principal}'` };
    return { ok: true, key: `SHA256:${key}` };
  }
}
