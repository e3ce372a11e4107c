import type { Digest } from '../model/digest.ts';

export interface GitSource {
  /** URL or path, as `git clone` takes it. */
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly ref: string;
  /** Folders or files within it; all of it if empty. */
  readonly paths: readonly string[];
}

/** Reads desired state from git through the user's own git (credentials, SSH agent, proxies work as they do by hand). Errors: `GIT_FAILED`. */
export interface Git {
  /** Commit id the ref names now; asks the remote. */
  resolve(source: GitSource, signal: AbortSignal): Promise<string>;
  /** The files of a commit under `paths`, read without a work tree; a commit is fetched once and kept. Sorted by path. Fails on what would be left out in silence (submodules, LFS pointers, links out of the repository). */
  files(source: GitSource & { readonly commit: string }, signal: AbortSignal): Promise<readonly GitFile[]>;
  /** Facts a preflight shows: when it was committed (ISO 8601 UTC), its subject, and a digest of the paths and content under `paths`. */
  describe(
    source: GitSource & { readonly commit: string },
    signal: AbortSignal,
  ): Promise<{ readonly committedAt: string; readonly subject: string; readonly tree: Digest }>;
  /**
   * Who has signed the commit with an SSH key that the allowed signers file gives to them at the commit's time. What is not so comes as a reason, never as
   * an error; so does a file that cannot be read.
   */
  signatureOf(
    source: GitSource & { readonly commit: string },
    options: { readonly allowedSigners: string; readonly signal: AbortSignal },
  ): Promise<CommitSignature>;
}

/** What a commit's signature came to. `signer` is the principal in the allowed signers file, `key` the fingerprint (`SHA256:…`) of the key. */
export type CommitSignature = { readonly ok: true; readonly signer: string; readonly key: string } | { readonly ok: false; readonly reason: string };

export interface GitFile {
  /** Path from the repository's root. */
  readonly path: string;
  readonly content: Uint8Array;
}
