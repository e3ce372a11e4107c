import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostCommand, HostReport } from '../apps/protocol.ts';

/** The process that runs the apps, as its parent sees it. It ends with the parent: the message channel is its lifeline. */
export class AppProcess {
  readonly #child: ChildProcess;
  readonly #onReport: (report: HostReport) => void;
  /** Resolves when the process has ended. */
  readonly ended: Promise<string>;

  constructor(onReport: (report: HostReport) => void) {
    this.#onReport = onReport;
    const program = fileURLToPath(new URL(`../apps/lab-app${extname(import.meta.url)}`, import.meta.url));
    this.#child = fork(program, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (report) => this.#onReport(report as HostReport));
    this.ended = new Promise((resolve) => this.#child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`)));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Sends a command; one to a process that has ended is dropped, as the pods will be started again in the next. */
  send(command: HostCommand): void {
    if (this.#child.connected) this.#child.send(command, () => undefined);
  }

  /** SIGKILL: what losing the machine would do. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** SIGTERM, and the end of it. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.ended;
  }
}
