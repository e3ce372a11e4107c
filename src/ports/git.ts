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
}

export interface GitFile {
  /** Path from the repository's root. */
  readonly path: string;
  readonly content: Uint8Array;
}
