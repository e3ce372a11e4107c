import { DrError } from '../errors/dr-error.ts';

/** Makes lines durable, all or none. What it throws is final. */
export type CommitLines = (lines: readonly string[]) => Promise<void>;

interface Batch {
  readonly lines: string[];
  readonly done: PromiseWithResolvers<void>;
}

/** Commits the lines of one writer in order, one commit under way at a time; lines that arrive meanwhile share the next one. After a failure nothing is tried again. */
export class GroupCommit {
  readonly #commit: CommitLines;
  readonly #asFailure: (error: unknown) => DrError;
  #next: Batch | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: DrError | undefined;

  /** `asFailure` says what an error of `commit` means to every append from then on. */
  constructor(commit: CommitLines, asFailure: (error: unknown) => DrError) {
    this.#commit = commit;
    this.#asFailure = asFailure;
  }

  /** Resolves once the lines are durable. Throws the failure. */
  async append(lines: readonly string[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#next === undefined) {
      const batch: Batch = { lines: [], done: Promise.withResolvers() };
      this.#next = batch;
      this.#writing = this.#writing.then(() => this.#run(batch));
    }
    this.#next.lines.push(...lines);
    await this.#next.done.promise;
  }

  /** Waits for what is under way. Never rejects. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Refuses every later append with this error; an earlier failure stands. */
  close(error: DrError): void {
    this.#failure ??= error;
  }

  async #run({ lines, done }: Batch): Promise<void> {
    this.#next = undefined;
    try {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#commit(lines);
      done.resolve();
    } catch (error) {
      this.#failure ??= this.#asFailure(error);
      done.reject(this.#failure);
    }
  }
}

/** What an owner is told by a store in which a later one has opened its segment. */
export function replaced(run: string): DrError {
  return new DrError({ code: 'RUN_REPLACED', message: `run '${run}' has been taken over by another process`, suggestions: [`lattice-dr status ${run}`] });
}
