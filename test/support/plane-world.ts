import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createClusters } from '../../src/adapters/kube/kube-clusters.ts';
import type { CreateNodesOptions } from '../../src/lab/nodes/create-nodes.ts';
import type { KubeObject, ObjectRef } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { findServer } from '../integration/servers.ts';
import { type CliEnd, type RunningCli, startCli } from './cli.ts';
import { eventually, TestNodes } from './lab-nodes.ts';

const CLUSTER = 'workload';
const BINARIES = dirname(findServer('etcdutl') ?? '');
const SOON = 60_000;

/** A control plane on machines of its own, with the plan of its recovery. */
export class PlaneWorld implements AsyncDisposable {
  readonly nodes: TestNodes;
  readonly folder: string;
  readonly #clusters = createClusters({ clock: systemClock, env: {}, requestDeadlineMs: 60_000 });

  private constructor(nodes: TestNodes) {
    this.nodes = nodes;
    this.folder = join(nodes.set.directory, 'operator');
  }

  static async create(options: Omit<CreateNodesOptions, 'directory' | 'signal'>): Promise<PlaneWorld> {
    const world = new PlaneWorld(await TestNodes.create(options));
    await world.#writePlan();
    return world;
  }

  get plan(): string {
    return join(this.folder, 'plan.json');
  }

  async #writePlan(): Promise<void> {
    const { set } = this.nodes;
    await mkdir(this.folder, { recursive: true });
    const nodes = set.nodes.map(({ name, address }) => ({ name, address, ssh: { host: name } }));
    const specs = join(this.folder, 'specs');
    await promisify(execFile)('git', ['init', '-q', '-b', 'main', specs]);
    const spec = {
      cluster: { name: CLUSTER, provisioner: 'existing', existing: { kubeconfig: { file: set.kubeconfig } } },
      specs: { git: { repository: specs, ref: 'main', paths: ['.'] } },
      controlPlane: { distribution: 'lab', nodes, sshConfig: set.ssh.configFile },
      objectives: { rto: '40m', rpo: '1h' },
    };
    await writeFile(this.plan, JSON.stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'RecoveryPlan', metadata: { name: CLUSTER }, spec }));
  }

  /** Starts a command of the program as the operator would. */
  start(...args: readonly string[]): RunningCli {
    const env = { ...process.env, HOME: this.folder, XDG_STATE_HOME: join(this.folder, 'state') };
    return startCli([...args, '--json'], { env, cwd: this.folder });
  }

  startRestore(...args: readonly string[]): RunningCli {
    return this.start('restore-etcd', '--plan', this.plan, '--binaries', BINARIES, '--confirm', CLUSTER, ...args);
  }

  async restore(...args: readonly string[]): Promise<CliEnd> {
    return await this.startRestore(...args).ended;
  }

  /** The API server of one machine. */
  async api(node: string): Promise<KubeCluster> {
    return await this.#clusters.open({ kubeconfigPath: this.nodes.node(node).kubeconfig });
  }

  async create(node: string, name: string): Promise<KubeObject> {
    const signal = AbortSignal.timeout(SOON);
    return await (await this.api(node)).create(configMap(name), { fieldManager: 'test', signal });
  }

  async has(node: string, name: string): Promise<boolean> {
    const { apiVersion, kind, metadata } = configMap(name);
    const ref: ObjectRef = { apiVersion, kind, name: metadata.name, namespace: 'default' };
    return (await (await this.api(node)).get(ref, AbortSignal.timeout(SOON))) !== undefined;
  }

  /**
   * Takes a member's data away under it and leaves the machine as it is. What is in its place keeps etcd from starting: with an empty folder it would come back as the
   * same member, vote, and be given everything again.
   */
  async loseData(node: string): Promise<void> {
    await this.nodes.ssh(node, 'rm -rf /var/lib/etcd/member; touch /var/lib/etcd/member; pkill -KILL -x etcd');
  }

  async untilNoQuorum(node: string): Promise<void> {
    await eventually(async () => (await this.nodes.etcdctl([node], 'put', 'probe', 'x')).exitCode !== 0, SOON, 'quorum is lost');
  }

  /** Ids, names and states of all members, as one of them lists them. */
  async members(node: string): Promise<readonly { readonly id: string; readonly name: string; readonly isLearner: boolean }[]> {
    const { stdout } = await this.nodes.etcdctl([node], 'member', 'list', '-w', 'json', '--hex');
    const { members } = JSON.parse(stdout) as { members: { ID: string; name: string; isLearner?: boolean }[] };
    return members.map(({ ID, name, isLearner = false }) => ({ id: ID, name, isLearner }));
  }

  async clusterId(node: string): Promise<string> {
    const { stdout } = await this.nodes.etcdctl([node], 'endpoint', 'status', '-w', 'json');
    return /"cluster_id":(\d+)/.exec(stdout)?.[1] ?? '';
  }

  /** Who a member is, as it says itself. */
  async identity(node: string): Promise<string> {
    const { stdout } = await this.nodes.etcdctl([node], 'endpoint', 'status', '-w', 'json');
    return [/"cluster_id":(\d+)/, /"member_id":(\d+)/, /"revision":(\d+)/].map((part) => part.exec(stdout)?.[1] ?? '').join(' ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clusters[Symbol.asyncDispose]();
    await this.nodes[Symbol.asyncDispose]();
  }
}

function configMap(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } };
}
