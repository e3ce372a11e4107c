/** How to reach a machine: what OpenSSH is given. The user's configuration, agent, bastions and known hosts are OpenSSH's affair, not ours. */
export interface NodeRef {
  /** Name of the Node in its cluster, and of the machine in messages. */
  readonly name: string;
  /** Host, or an alias of the SSH configuration. */
  readonly host: string;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  /** File of a private key; the agent and the configuration decide without it. */
  readonly identityFile?: string | undefined;
  /** SSH configuration instead of the user's own. */
  readonly configFile?: string | undefined;
}

/** Opens machines by reference, memoised per run. */
export interface Nodes extends AsyncDisposable {
  /** A machine, over one connection that all its commands share. Connects at the first command; one that breaks is made anew. */
  open(ref: NodeRef): Promise<NodeMachine>;
}

/**
 * A machine that is reached over SSH. Nothing has to be installed on it but a POSIX shell, coreutils and what a control-plane machine has anyway.
 * Errors: `NODE_UNREACHABLE` (no connection; retryable), `NODE_HOST_KEY` (unknown or changed key: never accepted for the person), `NODE_DENIED`
 * (authentication, or a user that may not become root), `NODE_COMMAND_FAILED` (a time limit ran out, or the machine's shell did not do what it should),
 * `PROCESS_NOT_FOUND` (no `ssh` here), `INPUT_INVALID` (an SSH configuration that `ssh` refuses), `CANCELLED`.
 */
export interface NodeMachine extends AsyncDisposable {
  readonly ref: NodeRef;
  /**
   * Runs a shell script as root to its end and gives its exit code, whatever it is. For what may run twice: when the connection breaks under it nobody knows
   * whether it ran, and it throws `NODE_UNREACHABLE`. The script is not quoted into a command line: it goes in by standard input, and values go by `args`
   * ($1, $2, ...), so that nothing has to be escaped. It is there whole or is not begun. At a time limit or an abort it is ended on the machine too, as far
   * as that can be reached.
   */
  run(script: NodeScript): Promise<NodeResult>;
  /**
   * Runs a script that must not run twice and may take long: started once under `key` in a folder of the machine, detached from the connection, and followed
   * until it ends. A second call with the same key never starts it again, whatever its script is: it follows the first or gives its result. Connections that
   * break are made anew until the time limit. Of its output the last MiB is kept. An abort or the time limit ends the following, never the job. Throws
   * `NODE_JOB_LOST` when the machine was switched off under it, or its process was killed: how far it came nobody knows.
   */
  job(job: NodeJob): Promise<NodeResult>;
  /** What is known of a job, without starting anything. */
  jobState(key: string, signal: AbortSignal): Promise<NodeJobState>;
  /**
   * Writes a file: to `<path>.part`, synced, its SHA-256 compared, then renamed. A file of the same digest that is there is left as it is. What an earlier try
   * left in the part is not sent again where it is the same. Missing folders are made. Throws `NODE_FILE_DIFFERS` when what arrived is not what was
   * promised; the file of before is then still there.
   */
  upload(file: NodeUpload): Promise<void>;
  /** A file's bytes. Throws `NODE_FILE_MISSING`, and `NODE_FILE_DIFFERS` when it changed under the reading. */
  download(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * A port of the machine's own loopback (or another address it can reach) as a port of this machine's loopback, until disposed. It ends with
   * the connection, which breaks, or closes after ten minutes without use: open one for a use, not for a run.
   */
  forward(target: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<NodeForward>;
}

export interface NodeScript {
  /** What it does, for progress and errors: `read the etcd manifest`. */
  readonly title: string;
  readonly script: string;
  readonly args?: readonly string[];
  /** What the script reads on standard input; empty without. The way for secrets, and for less than a MiB: more goes by `upload`. */
  readonly input?: Uint8Array | undefined;
  readonly signal: AbortSignal;
  /** In milliseconds; 30 s without. */
  readonly timeoutMs?: number;
}

export interface NodeJob extends NodeScript {
  /** Unique for the run and step, `[a-z0-9-]`, at most 100 characters: the name of its folder under `/var/lib/lattice-dr/jobs`. */
  readonly key: string;
}

export interface NodeResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type NodeJobState = { readonly state: 'absent' | 'running' | 'lost' } | { readonly state: 'ended'; readonly result: NodeResult };

export interface NodeUpload {
  readonly source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly path: string;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Octal, such as 0o600. */
  readonly mode: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
}

export interface NodeForward extends AsyncDisposable {
  readonly port: number;
}
