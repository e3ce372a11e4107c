import { spawn } from 'node:child_process';

/** A program of a phase, and what became of it. */
export interface Finished {
  readonly name: string;
  readonly code: number;
  readonly output: string;
  readonly elapsedMs: number;
}

export interface CommandOptions {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each piece of output as it comes; without it, output is only kept. */
  readonly onOutput?: (text: string) => void;
}

/** Runs a program to its end. Never rejects: a program that cannot be started has failed like any other. */
export async function runCommand({ name, file, args, cwd, env = {}, onOutput }: CommandOptions): Promise<Finished> {
  const from = performance.now();
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
    onOutput?.(chunk.toString());
  };
  const { promise, resolve } = Promise.withResolvers<number>();
  const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.on('error', (error) => {
    output += error.message;
    resolve(127);
  });
  child.on('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  const code = await promise;
  return { name, code, output, elapsedMs: performance.now() - from };
}

/** Seconds for people. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
