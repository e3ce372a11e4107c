import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';

/** `ssh` has nothing to put in order: its children end with their connection. */
const KILL_AFTER_MS = 2_000;

export interface SshCall {
  readonly args: readonly string[];
  /** Environment of `ssh`: where the agent is, the home of its configuration. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin?: Uint8Array | undefined;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Gets standard output as it comes. While it waits, the program is held back; when it throws, the program is ended and that is thrown. */
  readonly onOutput?: ((chunk: Uint8Array) => Promise<void> | void) | undefined;
}

export interface SshAnswer {
  /** `undefined` when it was ended by a signal. */
  readonly exitCode: number | undefined;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Runs the operator's `ssh` once, in a process group without a terminal, so that it can ask nobody. Throws `PROCESS_NOT_FOUND` and, on abort, `CANCELLED`. */
export async function runSsh({ args, env, stdin, signal, timeoutMs, onOutput }: SshCall): Promise<SshAnswer> {
  if (signal.aborted) throw abortError(signal, 'before ssh began', 'NODE_UNREACHABLE');
  const { execa } = await import('execa');
  const limit = AbortSignal.timeout(timeoutMs);
  const broken = new AbortController();
  const stop = AbortSignal.any([signal, limit, broken.signal]);
  const child = execa('ssh', args, {
    detached: true,
    cleanup: false,
    reject: false,
    extendEnv: false,
    env: { ...env, SSH_ASKPASS_REQUIRE: 'never' },
    encoding: 'buffer',
    stripFinalNewline: false,
    cancelSignal: stop,
    forceKillAfterDelay: KILL_AFTER_MS,
    buffer: { stdout: false },
    ...(stdin === undefined ? { stdin: 'ignore' as const } : { input: stdin }),
  });
  // The master holds both outputs of a client that is gone, until its command on the machine has ended.
  child.nodeChildProcess.once('exit', () => {
    if (stop.aborted) for (const output of [child.stdout, child.stderr]) output.destroy();
  });
  const given = give(child.stdout, onOutput).catch((error: unknown) => {
    broken.abort();
    return { error };
  });
  const result = await child;
  const failure = await given;
  if (signal.aborted) throw abortError(signal, 'a command over ssh', 'NODE_UNREACHABLE');
  if (failure !== undefined && !limit.aborted) throw failure.error;
  if (result.code === 'ENOENT') throw notInstalled();
  return { exitCode: result.exitCode, stderr: Buffer.from(result.stderr).toString(), timedOut: limit.aborted };
}

async function give(output: AsyncIterable<Uint8Array>, onOutput: SshCall['onOutput']): Promise<undefined> {
  for await (const chunk of output) await onOutput?.(chunk);
  return undefined;
}

function notInstalled(): DrError {
  return new DrError({
    code: 'PROCESS_NOT_FOUND',
    message: 'ssh is not installed, or not in PATH',
    details: { file: 'ssh' },
    suggestions: ['install the OpenSSH client: the package openssh-client on Debian and Ubuntu, openssh-clients on Fedora'],
  });
}
