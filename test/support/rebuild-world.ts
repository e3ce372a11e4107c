import { execFile } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import type { ClusterOperation } from '../../src/lab/cluster-servers.ts';
import type { LabBehaviour, LabCluster, LabConfig } from '../../src/lab/config.ts';
import type { Testimony } from '../../src/lab/demo/witness.ts';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { labDown } from '../../src/lab/lab-down.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { seedLab, seedPaths } from '../../src/lab/seed/seed.ts';
import type { WorldName } from '../../src/lab/seed/world.ts';
import { getCluster } from '../../src/lab/state.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { type CliEnd, type RunningCli, startCli } from './cli.ts';

const MINUTE = 60_000;
const ROOT = join(import.meta.dirname, '..', '..');
const WITNESS = join(ROOT, 'src', 'lab', 'demo', 'witness.ts');
const run = promisify(execFile);

/** A plan or a runbook as parsed YAML, for changes a test makes to it. */
// oxlint-disable-next-line typescript/no-explicit-any -- a document of any shape; what a test writes wrong, the program's own validation refuses.
export type YamlDocument = any;

/** A lab with a seeded platform in a folder of its own, and the program as its operator would use it. Disposing takes everything down. */
export class RebuildWorld implements AsyncDisposable {
  readonly name: WorldName;
  readonly lab: LabConfig;
  readonly env: NodeJS.ProcessEnv;
  #backup = '';

  private constructor(name: WorldName, lab: LabConfig, env: NodeJS.ProcessEnv) {
    this.name = name;
    this.lab = lab;
    this.env = env;
  }

  /** Brings a lab up and, unless `seed` is false, fills it: the cluster is there, backed up and in a plan. */
  static async start(name: WorldName, options: { readonly behaviour?: Partial<LabBehaviour>; readonly seed?: boolean } = {}): Promise<RebuildWorld> {
    const directory = await mkdtemp(join(tmpdir(), `lattice-dr-${name}-`));
    const operation = { directory, signal: AbortSignal.timeout(5 * MINUTE) };
    try {
      const lab = await labUp({ ...operation, ...(options.behaviour === undefined ? {} : { behaviour: options.behaviour }) });
      const world = new RebuildWorld(name, lab, operatorEnvironment(directory));
      if (options.seed !== false) {
        world.#backup = (await seedLab({ ...operation, world: name })).backup;
        await world.seal();
      }
      return world;
    } catch (error) {
      await labDown({ ...operation, signal: AbortSignal.timeout(MINUTE), remove: true });
      throw error;
    }
  }

  /** Name of the backup that the world was seeded with. */
  get backup(): string {
    return this.#backup;
  }

  /** Seals that backup, as a person does once it is complete: a recovery takes no other without being told to. Again, when the plan's state is elsewhere. */
  async seal(): Promise<void> {
    const { code, stderr } = await this.cli('backup', 'seal', this.#backup);
    if (code !== 0) throw new Error(`the backup could not be sealed:\n${stderr}`);
  }

  get directory(): string {
    return this.lab.directory;
  }

  /** Name of the cluster that this world is about. */
  get cluster(): string {
    return this.name === 'small' ? 'small' : 'workload';
  }

  get paths(): ReturnType<typeof seedPaths> {
    return seedPaths(this.directory, this.name);
  }

  /** An operation on the living instance of this world's cluster, to hand to a fault; ends itself after two minutes. */
  operation(cluster = this.cluster): ClusterOperation {
    return { directory: this.directory, cluster, signal: AbortSignal.timeout(2 * MINUTE) };
  }

  async instance(name = this.cluster): Promise<LabCluster> {
    return await getCluster(this.directory, name);
  }

  /** Starts a command with `--json` and this world's plan. */
  start(args: readonly string[], options: { readonly plan?: string; readonly preload?: string; readonly env?: NodeJS.ProcessEnv } = {}): RunningCli {
    const { plan = this.paths.plan, preload, env = {} } = options;
    return startCli([...args, '--plan', plan, '--json'], { env: { ...this.env, ...env }, ...(preload === undefined ? {} : { preload }) });
  }

  /** Runs a command to its end, with `--json` and this world's plan. */
  async cli(...args: readonly string[]): Promise<CliEnd> {
    return await this.start(args).ended;
  }

  /** Destroys the living instance: processes killed, data removed, disks too unless they are kept. */
  async destroy(options: { readonly keepDisks?: boolean } = {}): Promise<LabCluster> {
    return await destroyCluster({ ...this.operation(), ...options });
  }

  /** What a separate process sees from outside. */
  async testify(name: string): Promise<Testimony> {
    const file = join(this.directory, `${name}.json`);
    await run(process.execPath, [WITNESS, this.directory, this.name, file], { env: this.env });
    return JSON.parse(await readFile(file, 'utf8')) as Testimony;
  }

  /** Opens the living instance of a cluster, as user `lattice-operator`, so that audit logs tell the test from the program under test. Dispose it. */
  async open(name = this.cluster): Promise<KubeCluster> {
    return await openCluster({ kubeconfigPath: (await this.instance(name)).kubeconfigs.operator }, { clock: systemClock, env: this.env });
  }

  /** Asks the lab's own DNS server. */
  resolver(): Resolver {
    const resolver = new Resolver({ timeout: 2_000, tries: 2 });
    resolver.setServers([`${this.lab.dns.host}:${this.lab.dns.port}`]);
    return resolver;
  }

  /** Serial of the zone, which every change of it raises. */
  async zoneSerial(): Promise<number> {
    return (await this.resolver().resolveSoa(this.lab.dns.zone)).serial;
  }

  /** Changes the plan's `spec` in place. */
  async editPlan(change: (spec: YamlDocument) => void): Promise<void> {
    const plan: YamlDocument = parse(await readFile(this.paths.plan, 'utf8'));
    change(plan.spec);
    await writeFile(this.paths.plan, stringify(plan));
  }

  /** Writes a copy of the shipped runbook with a step changed, as a user would. Gives its path. */
  async copyRunbook(change: (step: (id: string) => YamlDocument, spec: YamlDocument) => void): Promise<string> {
    const runbook: YamlDocument = parse(await readFile(join(ROOT, 'runbooks', 'rebuild.yaml'), 'utf8'));
    change((id) => runbook.spec.steps.find((step: YamlDocument) => step.id === id), runbook.spec);
    const path = join(this.directory, 'runbook.yaml');
    await writeFile(path, stringify(runbook));
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await labDown({ directory: this.directory, signal: AbortSignal.timeout(2 * MINUTE), remove: true });
  }
}

/** What an operator's shell has, with state and caches of the program inside the lab. */
function operatorEnvironment(directory: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('LATTICE_DR_') && !name.startsWith('VITEST') && name !== 'NODE_OPTIONS');
  return { ...Object.fromEntries(inherited), XDG_STATE_HOME: join(directory, 'operator', 'state'), XDG_CACHE_HOME: join(directory, 'operator', 'cache') };
}
