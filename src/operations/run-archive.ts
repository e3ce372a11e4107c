import { readRun, type StoredRun } from '../engine/run-files.ts';
import { DrError } from '../errors/dr-error.ts';
import type { RunId } from '../model/ids.ts';
import type { LogSegment, RunStore } from '../ports/run-store.ts';

/** The authority on a run, as text at one moment: what its store holds, so that it can be read and checked without the store. */
export interface RunArchive {
  readonly run: RunId;
  /** Where it was read from, for people. */
  readonly location: string;
  /** What was fixed: `run.json`, and what replaced it. Keys are those of the store. */
  readonly files: Readonly<Record<string, string>>;
  /** The journal, one text for each owner. */
  readonly segments: readonly LogSegment[];
}

/** Copies a run out of its store. The journal is read first: what its lines name was written before them. Throws `STORE_FAILED`. */
export async function readArchive(store: RunStore, run: RunId): Promise<RunArchive> {
  const segments = await store.readLog(run);
  const keys = (await store.list(`runs/${run}/`)).filter((key) => /^runs\/[^/]+\/run[^/]*\.json$/.test(key));
  const files = await Promise.all(keys.map(async (key) => [key, Buffer.from((await store.get(key)) ?? '').toString()] as const));
  return { run, location: store.location, files: Object.fromEntries(files), segments };
}

/** Reads and verifies a run from its copy, as from its store. Throws `RUN_NOT_FOUND`, `RUN_CHANGED`, `JOURNAL_BROKEN`. */
export async function readArchived(archive: RunArchive): Promise<StoredRun> {
  return await readRun(new ArchiveStore(archive), archive.run);
}

/** A store that holds one run, to be read only. */
class ArchiveStore implements RunStore {
  readonly location: string;
  readonly #archive: RunArchive;

  constructor(archive: RunArchive) {
    this.location = archive.location;
    this.#archive = archive;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const text = this.#archive.files[key];
    return text === undefined ? undefined : Buffer.from(text);
  }

  async list(prefix: string): Promise<readonly string[]> {
    return Object.keys(this.#archive.files)
      .filter((key) => key.startsWith(prefix))
      .sort();
  }

  async readLog(run: string): Promise<readonly LogSegment[]> {
    return run === this.#archive.run ? this.#archive.segments : [];
  }

  async listRuns(): Promise<readonly string[]> {
    return [this.#archive.run];
  }

  async readLogEnd(): Promise<undefined> {
    return undefined;
  }

  async putIfAbsent(): Promise<never> {
    throw readOnly();
  }

  async openLog(): Promise<never> {
    throw readOnly();
  }

  async putEvidence(): Promise<never> {
    throw readOnly();
  }
}

function readOnly(): DrError {
  return new DrError({ code: 'BUG', message: 'the copy of a run was written to' });
}
