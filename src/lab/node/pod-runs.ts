import type { AppSpec, HostReport } from '../apps/protocol.ts';
import { AppProcess } from './app-process.ts';

/** State of one pod's app. */
export type PodRun = { readonly state: 'starting' | 'started' | 'finished' } | { readonly state: 'failed'; readonly message: string };

/**
 * What the node has told the app process to run and what it has heard back. When that process dies, every run is forgotten and a new process is started,
 * so the pods start again, as after a machine's restart.
 */
export class PodRuns {
  readonly #runs = new Map<string, PodRun>();
  readonly #onLaunch: (launched: AppProcess) => void;
  readonly #log: (line: string) => void;
  #process: AppProcess;
  #stopping = false;

  /** `onLaunch` is called with the process when it is ready for commands, again after each restart. */
  constructor(options: { readonly onLaunch: (launched: AppProcess) => void; readonly log: (line: string) => void }) {
    this.#onLaunch = options.onLaunch;
    this.#log = options.log;
    this.#process = this.#launch();
  }

  get(id: string): PodRun | undefined {
    return this.#runs.get(id);
  }

  ids(): readonly string[] {
    return [...this.#runs.keys()];
  }

  start(app: AppSpec): void {
    this.#runs.set(app.id, { state: 'starting' });
    this.#process.send({ type: 'start', app });
  }

  stop(id: string): void {
    if (this.#runs.delete(id)) this.#process.send({ type: 'stop', id });
  }

  /** The process, for what is not about one pod. */
  get process(): AppProcess {
    return this.#process;
  }

  async close(): Promise<void> {
    this.#stopping = true;
    await this.#process.stop();
  }

  #launch(): AppProcess {
    const launched = new AppProcess((report) => this.#hear(report));
    void this.#replaceWhenEnded(launched);
    return launched;
  }

  async #replaceWhenEnded(launched: AppProcess): Promise<void> {
    const how = await launched.ended;
    if (this.#stopping) return;
    this.#log(`the app process ended (${how}); starting it again`);
    this.#runs.clear();
    this.#process = this.#launch();
  }

  #hear(report: HostReport): void {
    if (report.type === 'failed') {
      this.#log(`${report.id}: ${report.message}`);
      if (this.#runs.has(report.id)) this.#runs.set(report.id, { state: 'failed', message: report.message });
    } else if (report.type === 'ready') {
      this.#onLaunch(this.#process);
    } else if (this.#runs.has(report.id)) {
      this.#runs.set(report.id, { state: report.type });
    }
  }
}
