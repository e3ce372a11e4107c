import { type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ChildOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Core to run on; any if absent. */
  readonly core?: number;
}

/** A child that has ended well. */
export interface ChildResult {
  readonly output: string;
  readonly elapsedMs: number;
  /** Processor time of the child and of what it waited for, in seconds, to 10 ms. */
  readonly cpuSeconds: number;
  /** Most memory it had in use, in MB of 10^6 bytes, as last seen before its end. */
  readonly peakMb: number;
}

/** The kernel keeps the peak, so only what is claimed in the last moments is missed. */
const LOOK_EVERY_MS = 100;
/** Of a failed child's errors, this much is shown. */
const TAIL_CHARACTERS = 2_000;

/** Runs a program to its end and measures it from outside. Only one at a time, else their processor times mix. Throws when it fails. */
export async function runChild({ file, args, signal, cwd, env, core }: ChildOptions): Promise<ChildResult> {
  const [command, ...rest] = core === undefined ? [file, ...args] : ['taskset', '-c', String(core), file, ...args];
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'], signal, ...(cwd === undefined ? {} : { cwd }), env: { ...process.env, ...env } };
  const cpuBefore = cpuSecondsOfChildren();
  const from = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let [output, errors] = ['', ''];
  const child = spawn(command ?? file, rest, options);
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-TAIL_CHARACTERS);
  });
  child.on('error', reject);
  child.on('close', (code, killedBy) =>
    code === 0 ? resolve(output) : reject(new Error(`${file} ${args.join(' ')} ended with ${code ?? killedBy}:\n${errors || output.slice(-TAIL_CHARACTERS)}`)),
  );
  let peakMb = 0;
  const looks = setInterval(() => {
    peakMb = peakMbOf(child.pid) ?? peakMb;
  }, LOOK_EVERY_MS);
  try {
    await promise;
  } finally {
    clearInterval(looks);
  }
  return { output, elapsedMs: performance.now() - from, cpuSeconds: cpuSecondsOfChildren() - cpuBefore, peakMb };
}

/** Peak resident set (`VmHWM`, proc(5)); none once the process has ended. */
function peakMbOf(pid: number | undefined): number | undefined {
  try {
    const kib = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : (Number(kib) * 1_024) / 1e6;
  } catch {
    return undefined;
  }
}

/** USER_HZ is 100 on every Linux architecture Node runs on (proc(5), sysconf(_SC_CLK_TCK)). */
const TICKS_PER_SECOND = 100;

/** Processor time of the living processes named, user and system, in seconds. */
export function cpuSecondsOf(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + ticks(pid, [11, 12]), 0) / TICKS_PER_SECOND;
}

function cpuSecondsOfChildren(): number {
  return ticks('self', [13, 14]) / TICKS_PER_SECOND;
}

/** Sum of fields of `/proc/<pid>/stat`, counted from the state, which follows the command name in parentheses. */
function ticks(pid: number | 'self', fields: readonly number[]): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const values = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.reduce((total, field) => total + Number(values[field]), 0);
}
