import { abortError } from '../../src/errors/abort-error.ts';
import { DrError } from '../../src/errors/dr-error.ts';
import { digestOfJson } from '../../src/model/digest.ts';
import type { CommitSignature, Git, GitFile, GitSource } from '../../src/ports/git.ts';

type Tree = Readonly<Record<string, string>>;

/** One repository in memory, whatever the URL. Commits are numbered ids of 40 digits; a path that is in no file of a commit is an error, as with git. */
export class MemoryGit implements Git {
  /** Thrown by every request while set. */
  fault: DrError | undefined;
  readonly #commits = new Map<string, { readonly subject: string; readonly tree: Tree }>();
  /** Who has signed a commit, by its id; the others are not signed. */
  readonly signers = new Map<string, string>();
  readonly #refs = new Map<string, string>();

  /** Commits a whole tree and moves a branch to it. */
  commit(tree: Tree, { ref = 'main', subject = 'a commit' }: { readonly ref?: string; readonly subject?: string } = {}): string {
    const id = String(this.#commits.size + 1).padStart(40, '0');
    this.#commits.set(id, { subject, tree });
    this.#refs.set(ref, id);
    return id;
  }

  async resolve({ ref }: GitSource, signal: AbortSignal): Promise<string> {
    this.#check(signal);
    const id = this.#refs.get(ref) ?? (this.#commits.has(ref) ? ref : undefined);
    if (id === undefined) throw new DrError({ code: 'GIT_FAILED', message: `cannot resolve "${ref}": the remote has no such branch or tag` });
    return id;
  }

  async files(source: GitSource & { readonly commit: string }, signal: AbortSignal): Promise<readonly GitFile[]> {
    return this.#select(source, signal).map(([path, text]) => ({ path, content: new TextEncoder().encode(text) }));
  }

  async describe(source: GitSource & { readonly commit: string }, signal: AbortSignal) {
    const tree = digestOfJson(this.#select(source, signal));
    return { committedAt: '2026-03-01T03:00:00.000Z', subject: this.#commits.get(source.commit)?.subject ?? '', tree };
  }

  async signatureOf({ commit }: GitSource & { readonly commit: string }, { signal }: { readonly signal: AbortSignal }): Promise<CommitSignature> {
    this.#check(signal);
    const signer = this.signers.get(commit);
    return signer === undefined ? { ok: false, reason: 'it is not signed' } : { ok: true, signer, key: 'SHA256:fake' };
  }

  #select({ commit, paths }: GitSource & { readonly commit: string }, signal: AbortSignal): readonly (readonly [string, string])[] {
    this.#check(signal);
    const tree = this.#commits.get(commit)?.tree;
    if (tree === undefined) throw new DrError({ code: 'GIT_FAILED', message: `the remote does not have commit ${commit}` });
    const isUnder = (file: string, path: string) => file === path || file.startsWith(`${path}/`);
    const absent = paths.find((path) => !Object.keys(tree).some((file) => isUnder(file, path)));
    if (absent !== undefined) throw new DrError({ code: 'GIT_FAILED', message: `there is no ${absent} in commit ${commit}` });
    const all = Object.entries(tree).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return paths.length === 0 ? all : all.filter(([file]) => paths.some((path) => isUnder(file, path)));
  }

  #check(signal: AbortSignal): void {
    if (signal.aborted) throw abortError(signal, 'git', 'GIT_FAILED');
    if (this.fault !== undefined) throw this.fault;
  }
}
