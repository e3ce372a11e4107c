import type { Secret } from '../model/secret.ts';

/** Runs programs of the operator's machine: git, sops, nsupdate, fence commands. Never a shell unless the plan names one. */
export interface Processes {
  /**
   * Runs a program to its end. A secret goes in by `stdin` or `env`, never by `args`.
   * Throws `PROCESS_NOT_FOUND`, `PROCESS_FAILED` (non-zero exit, with the last 4 KiB of output) or `CANCELLED`; on abort the whole process group gets
   * SIGTERM, and SIGKILL `killAfterMs` later.
   */
  run(command: ProcessCommand): Promise<ProcessResult>;
  /** Absolute path of the program that `run` would start for this `file`. Starts nothing. Throws `PROCESS_NOT_FOUND`. */
  locate(file: string): Promise<string>;
  /** Whether a process of that pid and start time may still live. `true` for any that is not of this host, boot and PID namespace: it cannot be proven dead from here. */
  isAlive(owner: ProcessOwner): Promise<boolean>;
  /** Who we are. */
  self(): Promise<ProcessOwner>;
}

export interface ProcessCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | Secret>>;
  readonly stdin?: string | Secret;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** How long the program has to end by itself after SIGTERM, in milliseconds. Default 5 s; minutes for one that leaves machines behind when it is cut off. */
  readonly killAfterMs?: number;
  /** Called for each line of standard error, for progress. */
  readonly onStderrLine?: (line: string) => void;
}

export interface ProcessResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that can be told from a later one with the same pid. */
export interface ProcessOwner {
  readonly host: string;
  /** Kernel boot id, with the PID namespace on Linux: the same pid in another container is another process. */
  readonly boot: string;
  readonly pid: number;
  /** Start time in clock ticks since boot (`/proc/<pid>/stat`, field 22), or the process start in ms elsewhere. */
  readonly startTime: string;
  readonly user: string;
}
