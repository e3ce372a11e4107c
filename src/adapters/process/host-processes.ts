import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';
import { LONGEST_GUARDED, type Secret, withoutSecrets } from '../../model/secret.ts';
import type { ProcessCommand, Processes, ProcessResult } from '../../ports/processes.ts';
import { isSameProcessAlive, ownIdentity } from './process-owner.ts';

/** How long a process group has between SIGTERM and SIGKILL when the caller does not say, in milliseconds. */
const KILL_AFTER_MS = 5_000;
/** How much of a failed program's output is quoted, in characters. */
const QUOTED = 4_096;
/** How much of it is searched for secrets, in characters: as much again before what is quoted as the longest text that is guarded. */
const LOOKED_AT = QUOTED + LONGEST_GUARDED;

export interface HostProcessesOptions {
  /** Environment that programs inherit. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs programs of this machine, each in its own process group, so that what they start ends with them. */
export function createProcesses(options: HostProcessesOptions): Processes {
  return {
    run: async (command) => run(command, options),
    locate: async (file) => locate(file, options),
    isAlive: isSameProcessAlive,
    self: ownIdentity,
  };
}

async function run(command: ProcessCommand, options: HostProcessesOptions): Promise<ProcessResult> {
  const { signal, timeoutMs, killAfterMs = KILL_AFTER_MS } = command;
  if (signal.aborted) throw abortError(signal, `before it began: ${command.file}`, 'PROCESS_FAILED');
  const { execa } = await import('execa');
  const child = execa(command.file, command.args, {
    // A group of its own, without our terminal: Ctrl-C reaches it through us, and nothing in it can ask a question.
    detached: true,
    cleanup: false,
    reject: false,
    extendEnv: false,
    env: { ...options.env, ...plain(command.env ?? {}) },
    stripFinalNewline: false,
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    ...(command.stdin === undefined ? { stdin: 'ignore' as const } : { input: text(command.stdin) }),
  });
  const limit = AbortSignal.timeout(timeoutMs);
  const stopped = stopGroupOn(child.pid, { signal: AbortSignal.any([signal, limit]), killAfterMs });
  if (command.onStderrLine !== undefined) forwardLines(child.stderr, command.onStderrLine);
  try {
    const result = await child;
    if (result.failed) throw failure(command, { result, timedOut: limit.aborted });
    return { stdout: result.stdout, stderr: result.stderr };
  } finally {
    stopped[Symbol.dispose]();
  }
}

/** Looks a program up as the operating system does: a path as it is, a bare name in the folders of PATH. */
async function locate(file: string, { env }: HostProcessesOptions): Promise<string> {
  const folders = file.includes('/') ? [''] : (env['PATH'] ?? '').split(delimiter);
  let why = 'ENOENT';
  for (const folder of folders) {
    const path = resolve(folder, file);
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    );
    if (!isFile) continue;
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
    why = 'EACCES';
  }
  throw notFound({ file }, why);
}

interface Stop {
  readonly signal: AbortSignal;
  readonly killAfterMs: number;
}

/** Ends a whole process group when the signal aborts: SIGTERM, and SIGKILL for what is left after `killAfterMs`. */
function stopGroupOn(pid: number | undefined, { signal, killAfterMs }: Stop): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    signalGroup(pid, 'SIGTERM');
    timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), killAfterMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  return {
    [Symbol.dispose]: () => {
      signal.removeEventListener('abort', stop);
      clearTimeout(timer);
      // The leader has ended; what it left behind in its group must not outlive an abort.
      if (signal.aborted) signalGroup(pid, 'SIGKILL');
    },
  };
}

function signalGroup(pid: number | undefined, name: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch (error) {
    // ESRCH: the whole group has ended, which is what we want.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

interface FailedResult {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly code?: string | undefined;
  readonly stdout?: string;
  readonly stderr?: string;
}

function failure(command: ProcessCommand, { result, timedOut }: { readonly result: FailedResult; readonly timedOut: boolean }): DrError {
  const name = `${command.file}${command.args.length === 0 ? '' : ` ${command.args.join(' ')}`}`;
  if (command.signal.aborted) return abortError(command.signal, name, 'PROCESS_FAILED');
  if (result.code === 'ENOENT' || result.code === 'EACCES') return notFound(command, result.code);
  const output = quoted(result);
  const how = timedOut
    ? `did not end within ${command.timeoutMs} ms`
    : result.exitCode === undefined
      ? `was ended by ${result.signal ?? 'a signal'}`
      : `exited ${result.exitCode}`;
  return new DrError({
    code: 'PROCESS_FAILED',
    message: `${name} ${how}${output === '' ? ' without output' : `: ${output}`}`,
    details: { file: command.file, exitCode: result.exitCode ?? null, signal: result.signal ?? null, output },
    suggestions: ['run the same command by hand to see more'],
  });
}

function notFound(command: Pick<ProcessCommand, 'file' | 'cwd'>, code: string): DrError {
  const why = code === 'EACCES' ? 'may not be executed' : `is not installed, or not in ${command.file.includes('/') ? 'that place' : 'PATH'}`;
  return new DrError({
    code: 'PROCESS_NOT_FOUND',
    message: `${command.file} ${why}${command.cwd === undefined ? '' : ` (run in ${command.cwd})`}`,
    details: { file: command.file },
    suggestions: [`install ${command.file}, or correct the path in the plan`],
  });
}

/** The end of what a failed program has said, which may be what it was given. Secrets are cut out first: none is known any more by its second half. */
function quoted({ stdout = '', stderr = '' }: FailedResult): string {
  const end = `${stdout}${stderr}`.trim().slice(-LOOKED_AT);
  return withoutSecrets(end).slice(-QUOTED);
}

function plain(env: Readonly<Record<string, string | Secret>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, text(value)]));
}

function text(value: string | Secret): string {
  return typeof value === 'string' ? value : value.reveal();
}

function forwardLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  const decoder = new TextDecoder();
  stream.on('data', (chunk: Uint8Array) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(withoutSecrets(line.replace(/\r$/, '')));
  });
  stream.on('end', () => {
    if (rest !== '') onLine(withoutSecrets(rest));
  });
}
