/** A signature over a text, and who is said to have made it. */
export interface SignedText {
  readonly text: string;
  /** The armoured signature (`-----BEGIN SSH SIGNATURE-----`, PROTOCOL.sshsig of OpenSSH). */
  readonly signature: string;
  /** Name of the signer in the allowed signers file. */
  readonly principal: string;
}

/** What looking at a signature came to. `key` is the fingerprint (`SHA256:…`) of the key that made it. */
export type SignatureCheck = { readonly ok: true; readonly key: string } | { readonly ok: false; readonly reason: string };

/** Makes and checks SSH signatures of one purpose, such as decisions about runs. A signature made for anything else (git commits, files) never counts. */
export interface Signatures {
  /**
   * Signs a text with a private key file, or with the agent's half of a public key file. Throws `PROCESS_FAILED`, `PROCESS_NOT_FOUND`, `CANCELLED`.
   */
  sign(text: string, keyFile: string, signal: AbortSignal): Promise<string>;
  /**
   * Whether the principal has made the signature over exactly this text with a key that the file allows now. What is not so comes as a reason, never as an
   * error; so does a file that cannot be read.
   */
  verify(signed: SignedText, allowedSigners: string, signal: AbortSignal): Promise<SignatureCheck>;
}
