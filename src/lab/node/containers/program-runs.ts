import { readFile } from 'node:fs/promises';
import { processOf, type ServerRecord } from '../../supervise/record.ts';
import { type SpawnSpec, spawnServer } from '../../supervise/spawn-server.ts';
import { stopServer } from '../../supervise/stop-server.ts';
import { terminationLog } from './namespaces.ts';

/** Exit code of a process that was not our child, as a kubelet reports a container that it has lost (`ContainerStatusUnknown`). */
const UNKNOWN_EXIT = 137;
const POLL_MS = 200;
/** Longest termination message (Kubernetes `MaxContainerTerminationMessageLength`). */
const MESSAGE_BYTES = 4_096;

/** A program that runs or has run. Times are milliseconds since the epoch. */
export interface ProgramRun {
  /** Id of its record. */
  readonly id: string;
  readonly startedAt: number;
  readonly ended?: { readonly exitCode: number; readonly message: string; readonly at: number };
}

/**
 * The processes of a node's containers, each a server of the lab with a record: a node that is killed finds them again, and `lab status` shows them. They
 * outlive the node, as containers outlive a kubelet.
 */
export class ProgramRuns {
  readonly #labDirectory: string;
  readonly #now: () => number;
  readonly #runs = new Map<string, ProgramRun>();

  constructor(labDirectory: string, now: () => number) {
    this.#labDirectory = labDirectory;
    this.#now = now;
  }

  /** By `<pod uid>/<container>`. */
  get(key: string): ProgramRun | undefined {
    return this.#runs.get(key);
  }

  /** Spawns a container, or adopts its process if it lives. */
  async start(key: string, spec: SpawnSpec): Promise<void> {
    const { record, child } = await spawnServer(spec, this.#labDirectory);
    const run: ProgramRun = { id: spec.id, startedAt: Date.parse(record.startedAt) };
    this.#runs.set(key, run);
    const end = (exitCode: number): void => void this.#end(key, { run, exitCode, folder: spec.workDirectory });
    if (child === undefined) void this.#watch(record, end);
    else child.once('exit', (code, by) => end(code ?? (by === 'SIGTERM' ? 143 : UNKNOWN_EXIT)));
  }

  /** Forgets an ended run, so that the next `start` makes another. */
  forget(key: string): void {
    this.#runs.delete(key);
  }

  /** Ends what runs under a key and waits for it; a process is told SIGTERM first unless `force`. */
  async stop(key: string, force: boolean): Promise<void> {
    const run = this.#runs.get(key);
    this.#runs.delete(key);
    if (run !== undefined) await stopServer({ directory: this.#labDirectory, id: run.id, force });
  }

  async #end(key: string, { run, exitCode, folder }: { readonly run: ProgramRun; readonly exitCode: number; readonly folder: string }): Promise<void> {
    if (this.#runs.get(key) !== run) return;
    // As a container's runtime ends what its first process has left.
    await stopServer({ directory: this.#labDirectory, id: run.id, force: true });
    const message = await readFile(terminationLog(folder), 'utf8').catch(() => '');
    if (this.#runs.get(key) === run) this.#runs.set(key, { ...run, ended: { exitCode, message: message.slice(0, MESSAGE_BYTES), at: this.#now() } });
  }

  async #watch(record: ServerRecord, end: (exitCode: number) => void): Promise<void> {
    while (processOf(record) !== undefined) await new Promise((resolve) => setTimeout(resolve, POLL_MS).unref());
    end(UNKNOWN_EXIT);
  }
}
