import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '../../src/engine/events.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'bin', 'dev.js');
/** The program turns Node's cache of compiled code on by itself, but only once preloads and their modules have been compiled. */
const COMPILE_CACHE = { NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') };

/** How a command ended: by a code or by a signal. */
export interface CliEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface CliOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Module that Node loads before the program. */
  readonly preload?: string;
  /** Working directory; by default the test's. */
  readonly cwd?: string;
}

/** A command under way, as a process of its own. */
export interface RunningCli {
  readonly child: ChildProcess;
  readonly ended: Promise<CliEnd>;
  /** Resolves with the first event of the run (`--json` writes them to standard error) that fits, past or future. Rejects when the command ends without one. */
  event(fits: (event: RunEvent) => boolean): Promise<RunEvent>;
}

/** Starts a command of the program from source. Nothing is asked of it: its standard input is closed. */
export function startCli(args: readonly string[], { env, preload, cwd }: CliOptions): RunningCli {
  const before = preload === undefined ? [] : ['--import', preload];
  const child = spawn(process.execPath, [...before, PROGRAM, ...args], { env: { ...COMPILE_CACHE, ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
      for (const look of waiting) look();
    });
  }
  const ended = new Promise<CliEnd>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...text }));
  });
  return { child, ended, event: async (fits) => await firstEvent({ fits, text, waiting, ended }) };
}

interface EventSearch {
  readonly fits: (event: RunEvent) => boolean;
  readonly text: { readonly stderr: string };
  readonly waiting: Set<() => void>;
  readonly ended: Promise<CliEnd>;
}

async function firstEvent({ fits, text, waiting, ended }: EventSearch): Promise<RunEvent> {
  const found = Promise.withResolvers<RunEvent>();
  const look = (): void => {
    const event = eventsOf(text.stderr).find(fits);
    if (event !== undefined) found.resolve(event);
  };
  waiting.add(look);
  look();
  void ended.then((end) => found.reject(new Error(`the command ended with ${end.code ?? end.signal} before the event came:\n${end.stderr.slice(-2_000)}`)));
  try {
    return await found.promise;
  } finally {
    waiting.delete(look);
  }
}

/** Whole JSON lines of a command's standard error. */
function eventsOf(stderr: string): readonly RunEvent[] {
  const lines = stderr.slice(0, stderr.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line.startsWith('{"')).map((line) => JSON.parse(line) as RunEvent);
}

/** The last state of each step, and how the run ended, as a stream of events has it. */
export function lastStates(end: CliEnd | undefined): Readonly<Record<string, string>> {
  const events = (end?.stderr ?? '').split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as RunEvent] : []));
  const states = events.flatMap((event): readonly (readonly [string, string])[] => {
    if (event.type === 'run-ended') return [['run', event.state]];
    return event.type === 'step-state' ? [[event.step, `${event.state} ${event.reason ?? ''}`]] : [];
  });
  return Object.fromEntries(states);
}
