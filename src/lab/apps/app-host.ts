import { AppServer, type Surroundings } from './app-server.ts';
import { Database } from './database.ts';
import { EdgeServer } from './edge-server.ts';
import type { AppSpec, EdgeListener, HostCommand, HostReport, Mesh } from './protocol.ts';

/** How long the app of a job runs. */
const JOB_RUNS_MS = 200;

/**
 * Runs all apps of one cluster in one process: fifty processes would need fifty times the memory and start for a minute on two cores. Each app is still
 * on its own: own address, own ports, started and stopped alone; killing the process kills them all, as losing the machine would.
 */
export class AppHost {
  readonly #apps = new Map<string, AppServer>();
  readonly #edges = new Map<string, EdgeServer>();
  readonly #report: (report: HostReport) => void;
  #mesh: Mesh = {};
  #unready: ReadonlySet<string> = new Set();
  /** Edge updates run one after another. */
  #edgeWork: Promise<void> = Promise.resolve();

  constructor(report: (report: HostReport) => void) {
    this.#report = report;
  }

  async obey(command: HostCommand): Promise<void> {
    switch (command.type) {
      case 'start':
        return this.#start(command.app);
      case 'stop':
        return this.#stop(command.id);
      case 'unready':
        this.#unready = new Set(command.workloads);
        return;
      case 'mesh':
        this.#mesh = command.mesh;
        return;
      case 'edge':
        this.#edgeWork = this.#edgeWork.then(() => this.#setEdges(command.listeners));
        return this.#edgeWork;
    }
  }

  async #start(app: AppSpec): Promise<void> {
    if (this.#apps.has(app.id)) return this.#report({ type: 'started', id: app.id });
    if (app.task !== 'serve') return await this.#runTask(app, app.task);
    const server = new AppServer(app, this.#surroundings());
    this.#apps.set(app.id, server);
    try {
      await server.start();
    } catch (error) {
      this.#apps.delete(app.id);
      await server.stop();
      return this.#report({ type: 'failed', id: app.id, message: error instanceof Error ? error.message : String(error) });
    }
    this.#report({ type: 'started', id: app.id });
    if (app.once) setTimeout(() => void this.#finish(app.id), JOB_RUNS_MS);
  }

  /** The whole of `lab-app recover` and `lab-app check`: does it for each database among its volumes, and ends. */
  async #runTask(app: AppSpec, task: 'recover' | 'check'): Promise<void> {
    try {
      for (const volume of app.volumes) await new Database(volume, app)[task]();
      this.#report({ type: 'finished', id: app.id });
    } catch (error) {
      this.#report({ type: 'failed', id: app.id, message: error instanceof Error ? error.message : String(error) });
    }
  }

  async #finish(id: string): Promise<void> {
    if (!this.#apps.has(id)) return;
    await this.#stop(id);
    this.#report({ type: 'finished', id });
  }

  async #stop(id: string): Promise<void> {
    const server = this.#apps.get(id);
    this.#apps.delete(id);
    await server?.stop();
  }

  #surroundings(): Surroundings {
    return {
      mesh: () => this.#mesh,
      callerAt: (address) => [...this.#apps.values()].find((server) => server.app.address === address)?.app.workload,
      isUnready: (workload) => this.#unready.has(workload),
    };
  }

  async #setEdges(listeners: readonly EdgeListener[]): Promise<void> {
    const wanted = new Map(listeners.map((listener) => [`${listener.address}:${listener.port}`, listener]));
    for (const [key, edge] of this.#edges) {
      if (wanted.has(key)) continue;
      this.#edges.delete(key);
      await edge.stop();
    }
    for (const [key, listener] of wanted) {
      const edge = this.#edges.get(key);
      if (edge === undefined) await this.#openEdge(key, listener);
      else edge.update(listener);
    }
  }

  async #openEdge(key: string, listener: EdgeListener): Promise<void> {
    const edge = new EdgeServer(listener, () => this.#mesh);
    try {
      await edge.start();
      this.#edges.set(key, edge);
    } catch (error) {
      await edge.stop();
      this.#report({ type: 'failed', id: `edge ${key}`, message: error instanceof Error ? error.message : String(error) });
    }
  }
}
