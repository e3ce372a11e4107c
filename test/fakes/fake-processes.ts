import { abortError } from '../../src/errors/abort-error.ts';
import { DrError } from '../../src/errors/dr-error.ts';
import { Secret } from '../../src/model/secret.ts';
import type { ProcessCommand, Processes, ProcessOwner, ProcessResult } from '../../src/ports/processes.ts';

/** What a program does: its standard output, or an exit code with output, or code to run. */
export type FakeProgram = string | { readonly exitCode: number; readonly output: string } | ((command: ProcessCommand) => string | Promise<string>);

/** Programs in memory, by file name. A program that is not given is not installed. Time limits are not kept; an aborted signal is. */
export class FakeProcesses implements Processes {
  /** What ran, oldest first: file and arguments. */
  readonly calls: string[] = [];
  readonly #programs: Readonly<Record<string, FakeProgram>>;
  readonly #alive: ReadonlySet<number>;

  constructor(programs: Readonly<Record<string, FakeProgram>> = {}, alive: readonly number[] = [1]) {
    this.#programs = programs;
    this.#alive = new Set(alive);
  }

  async run(command: ProcessCommand): Promise<ProcessResult> {
    const { file, args, signal } = command;
    if (signal.aborted) throw abortError(signal, file, 'PROCESS_FAILED');
    if (args.some((arg) => (arg as unknown) instanceof Secret)) throw new Error(`${file} was given a secret as an argument`);
    this.calls.push([file, ...args].join(' '));
    const program = this.#programs[file];
    if (program === undefined) throw new DrError({ code: 'PROCESS_NOT_FOUND', message: `${file} is not installed, or not in PATH`, details: { file } });
    if (typeof program === 'string') return { stdout: program, stderr: '' };
    if (typeof program === 'function') return { stdout: await program(command), stderr: '' };
    const { exitCode, output } = program;
    throw new DrError({ code: 'PROCESS_FAILED', message: `${file} exited ${exitCode}: ${output}`, details: { file, exitCode, signal: null, output } });
  }

  async locate(file: string): Promise<string> {
    if (this.#programs[file] === undefined)
      throw new DrError({ code: 'PROCESS_NOT_FOUND', message: `${file} is not installed, or not in PATH`, details: { file } });
    return `/bin/${file}`;
  }

  async isAlive(owner: ProcessOwner): Promise<boolean> {
    return this.#alive.has(owner.pid);
  }

  async self(): Promise<ProcessOwner> {
    return { host: 'fake-host', boot: 'fake-boot', pid: 1, startTime: '1', user: 'fake-user' };
  }
}
