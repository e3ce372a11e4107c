import { deepEqual } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createClusters } from '../../src/adapters/kube/kube-clusters.ts';
import type { CreateNodesOptions } from '../../src/lab/nodes/create-nodes.ts';
import { nodesFolder } from '../../src/lab/nodes/node-set.ts';
import { labProgram } from '../../src/lab/servers/stand-in.ts';
import type { KubeObject, ObjectRef } from '../../src/model/kube-object.ts';
import type { DiagnosedControlPlane } from '../../src/operations/diagnose.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { findServer } from '../integration/servers.ts';
import { CAPI_CLUSTER, CAPI_CRD } from './capi-cluster.ts';
import { type CliEnd, type RunningCli, startCli } from './cli.ts';
import { eventually, TestNodes } from './lab-nodes.ts';

const CLUSTER = 'workload';
/** Minor version of etcd that tests have without saying so. */
const OWN_ETCD = '3.6';
const BINARIES = dirname(findServer('etcdutl') ?? '');
/** For one request. An API server without etcd leaves it unanswered. */
const REQUEST_MS = 60_000;
/** Several such requests, one after the other, on a machine that is busy. */
const SOON = 180_000;

/** A control plane on machines of its own, with the plan of its recovery. */
export class PlaneWorld implements AsyncDisposable {
  readonly nodes: TestNodes;
  readonly folder: string;
  readonly #clusters = createClusters({ clock: systemClock, env: {}, requestDeadlineMs: 60_000 });

  private constructor(nodes: TestNodes) {
    this.nodes = nodes;
    this.folder = join(nodes.set.directory, 'operator');
  }

  /**
   * Folder of the programs of etcd, as an operator has them. For machines with another version than the tests' own it is one of a folder for each minor version, and
   * has none itself.
   */
  get binaries(): string {
    return this.nodes.set.etcd === OWN_ETCD ? BINARIES : join(this.folder, 'programs');
  }

  /** `fence`: the plan names a program that switches machines off. */
  static async create({ fence = false, ...options }: Omit<CreateNodesOptions, 'directory' | 'signal'> & { readonly fence?: boolean }): Promise<PlaneWorld> {
    const world = new PlaneWorld(await TestNodes.create(options));
    await world.#writePlan(fence);
    if (world.binaries !== BINARIES) await world.#linkPrograms();
    return world;
  }

  async #linkPrograms(): Promise<void> {
    const { set } = this.nodes;
    await mkdir(this.binaries);
    await symlink(join(nodesFolder(set.directory), 'images', `etcd-${set.etcd}`), join(this.binaries, set.etcd));
    await symlink(BINARIES, join(this.binaries, OWN_ETCD));
  }

  /** The keys of encryption at rest that the plan names, a copy of those that the API servers have. */
  get encryption(): string {
    return join(this.folder, 'encryption.yaml');
  }

  get plan(): string {
    return join(this.folder, 'plan.json');
  }

  async #writePlan(fence: boolean): Promise<void> {
    const { set } = this.nodes;
    await mkdir(this.folder, { recursive: true });
    const nodes = set.nodes.map(({ name, address, only }) => ({ name, address, ...(only === 'api' ? { etcd: false } : {}), ssh: { host: name } }));
    const specs = join(this.folder, 'specs');
    await promisify(execFile)('git', ['init', '-q', '-b', 'main', specs]);
    const program = [process.execPath, labProgram('nodes/fence/main')];
    const switches = { command: [...program, set.directory], off: [...program, '--check', set.directory] };
    if (set.encryption) await copyFile(join(set.pki, 'encryption.yaml'), this.encryption);
    const spec = {
      cluster: { name: CLUSTER, provisioner: 'existing', existing: { kubeconfig: { file: set.kubeconfig } } },
      specs: { git: { repository: specs, ref: 'main', paths: ['.'] } },
      controlPlane: {
        distribution: set.preset === 'kubeadm' ? 'lab' : set.preset,
        nodes,
        sshConfig: set.ssh.configFile,
        ...(fence ? { fence: switches } : {}),
        ...(set.encryption ? { encryption: { file: this.encryption }, pki: { folder: set.pki } } : {}),
      },
      etcdSnapshots: [{ name: 'main', folder: 'snapshots' }],
      objectives: { rto: '40m', rpo: '1h' },
    };
    await writeFile(this.plan, JSON.stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'RecoveryPlan', metadata: { name: CLUSTER }, spec }));
  }

  /** Starts a command of the program as the operator would. */
  start(...args: readonly string[]): RunningCli {
    return startCli([...args, '--json'], { env: this.#env, cwd: this.folder });
  }

  /** As `start`, with a module that Node loads before the program, and what that reads. */
  startWith({ preload, env }: { readonly preload: string; readonly env: NodeJS.ProcessEnv }, ...args: readonly string[]): RunningCli {
    return startCli([...args, '--json'], { env: { ...this.#env, ...env }, cwd: this.folder, preload });
  }

  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, HOME: this.folder, XDG_STATE_HOME: join(this.folder, 'state') };
  }

  /** As `start`, on another machine: with a home and a folder of its own, and of the first one the store of runs alone. */
  async startElsewhere(...args: readonly string[]): Promise<RunningCli> {
    const home = join(this.nodes.set.directory, 'elsewhere');
    await mkdir(home, { recursive: true });
    const env = { ...process.env, HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CACHE_HOME: join(home, 'cache') };
    return startCli([...args, '--state-dir', join(this.state, 'runs'), '--json'], { env, cwd: home });
  }

  /** What the program keeps on the operator's machine. */
  get state(): string {
    return join(this.folder, 'state', 'lattice-dr');
  }

  /** Runs a command that is killed at the first of some places of its journal (`before|step-succeeded|push`) that it comes by. `place`: which; empty if none. */
  async killedAtOneOf(places: Iterable<string>, args: readonly string[]): Promise<{ readonly place: string; readonly end: CliEnd }> {
    const log = join(this.folder, 'stopped-at');
    await writeFile(log, '');
    const env = { STOP_AT: JSON.stringify(Object.fromEntries([...places].map((place) => [place, 'SIGKILL']))), STOP_LOG: log };
    const end = await this.startWith({ preload: join(import.meta.dirname, 'stop-at.ts'), env }, ...args).ended;
    return { place: await readFile(log, 'utf8'), end };
  }

  /** As `killedAtOneOf`; gives the id of the run. Throws when it does not come by. */
  async killedAt(place: string, args: readonly string[]): Promise<string> {
    const { place: met, end } = await this.killedAtOneOf([place], args);
    if (met !== '') return runOf(end);
    throw new Error(`the run did not come by ${place}:\n${told(end)}`);
  }

  /** Takes a snapshot of one member into the place of the plan, as the operator would. */
  async takeSnapshot(node: string, name: string): Promise<CliEnd> {
    const { set } = this.nodes;
    const client = (file: string): string => join(set.pki, 'etcd', file);
    const tls = ['--ca', client('ca.crt'), '--cert', client('lab-client.crt'), '--key', client('lab-client.key')];
    const endpoint = `https://${this.nodes.node(node).address}:2379`;
    return await this.start('etcd', 'snapshot', 'take', name, '--to', 'main', '--plan', this.plan, '--binaries', this.binaries, '--endpoint', endpoint, ...tls)
      .ended;
  }

  get restoreArgs(): readonly string[] {
    return ['restore-etcd', '--plan', this.plan, '--binaries', this.binaries, '--confirm', CLUSTER];
  }

  startRestore(...args: readonly string[]): RunningCli {
    return this.start(...this.restoreArgs, ...args);
  }

  async restore(...args: readonly string[]): Promise<CliEnd> {
    return await this.startRestore(...args).ended;
  }

  /** What `diagnose` says, as the operator would ask. */
  async diagnose(): Promise<DiagnosedControlPlane> {
    const end = await this.start('diagnose', '--plan', this.plan).ended;
    if (end.code === 0 || end.code === 11) return JSON.parse(end.stdout) as DiagnosedControlPlane;
    throw new Error(`diagnose ended with ${end.code}:\n${told(end)}`);
  }

  /** The API server of one machine. */
  async api(node: string): Promise<KubeCluster> {
    return await this.#clusters.open({ kubeconfigPath: this.nodes.node(node).kubeconfig });
  }

  async create(node: string, name: string): Promise<KubeObject> {
    const signal = AbortSignal.timeout(REQUEST_MS);
    return await (await this.api(node)).create(configMap(name), { fieldManager: 'test', signal });
  }

  /** A Cluster of Cluster API in namespace `default`, which runs. */
  async createCluster(node: string, name: string): Promise<void> {
    const options = { fieldManager: 'test', signal: AbortSignal.timeout(SOON) };
    const api = await this.api(node);
    await api.create(CAPI_CRD, options);
    const cluster = { ...CAPI_CLUSTER, metadata: { name, namespace: 'default' }, spec: { paused: false } };
    await eventually(
      async () =>
        await api.create(cluster, options).then(
          () => true,
          () => false,
        ),
      SOON,
      'its kind is served',
    );
  }

  /** Whether a Cluster is paused. */
  async isPaused(node: string, name: string): Promise<unknown> {
    return (await (await this.api(node)).get({ ...CAPI_CLUSTER, namespace: 'default', name }, AbortSignal.timeout(REQUEST_MS)))?.spec?.['paused'];
  }

  async has(node: string, name: string): Promise<boolean> {
    const { apiVersion, kind, metadata } = configMap(name);
    const ref: ObjectRef = { apiVersion, kind, name: metadata.name, namespace: 'default' };
    return (await (await this.api(node)).get(ref, AbortSignal.timeout(REQUEST_MS))) !== undefined;
  }

  /**
   * Takes a member's data away under it and leaves the machine as it is. What is in its place keeps etcd from starting: with an empty folder it would come back as the
   * same member, vote, and be given everything again.
   */
  async loseData(node: string): Promise<void> {
    await this.nodes.ssh(node, 'rm -rf /var/lib/etcd/member; touch /var/lib/etcd/member; pkill -KILL -x etcd');
  }

  /** An API server without etcd ends only when it is killed, by default after 30 s; a test that stops many does not wait for that. */
  async endQuickly(): Promise<void> {
    const { nodes } = this.nodes.set;
    const edit = "sed -i 's/^spec:$/spec:\\n  terminationGracePeriodSeconds: 1/' /etc/kubernetes/manifests/*.yaml";
    await Promise.all(nodes.map(async ({ name }) => await this.nodes.ssh(name, edit)));
    for (const { name } of nodes) {
      await eventually(
        async () => (await this.nodes.ssh(name, 'grep -c terminationGrace /etc/kubernetes/manifests/etcd.yaml')).stdout === '1\n',
        SOON,
        'it is set',
      );
    }
  }

  /** As `loseData`, but `findData` brings it back. */
  async misplaceData(node: string): Promise<void> {
    await this.nodes.ssh(node, 'cd /var/lib/etcd && mv member misplaced && touch member; pkill -KILL -x etcd');
  }

  async findData(node: string): Promise<void> {
    // An etcd that ran a moment longer than its data has made a folder in their place.
    const back = 'cd /var/lib/etcd && { [ ! -e misplaced ] || { rm -rf member && mv -T misplaced member; }; } && { pkill -KILL -x etcd; [ -d member/wal ]; }';
    await eventually(async () => (await this.nodes.ssh(node, back)).exitCode === 0, SOON, `the data of ${node} is back`);
  }

  /** Throws unless each machine has a voting member of the cluster, which has no other, and its API server comes to have what is called `object`. */
  async assertWhole(machines: readonly string[], object: string): Promise<void> {
    for (const name of machines) {
      const members = (await this.members(name)).map((member) => `${member.name} ${member.isLearner}`);
      deepEqual(
        members.sort(),
        machines.map((one) => `${one} false`),
      );
      await eventually(async () => await this.has(name, object).catch(() => false), SOON, `the API server of ${name} has ${object}`);
    }
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

  /** Ids of a member and of its cluster: they change with a restore, and with nothing else. */
  async ids(node: string): Promise<string> {
    return (await this.identity(node)).split(' ').slice(0, 2).join(' ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clusters[Symbol.asyncDispose]();
    await this.nodes[Symbol.asyncDispose]();
  }
}

/** What a command said last, for a test that did not expect its end. */
export function told({ stdout, stderr }: CliEnd): string {
  return `${stdout.slice(-3_000)}${stderr.slice(-3_000)}`;
}

/** The run that a command has told events of. */
export function runOf({ stderr }: CliEnd): string {
  return /"run":"([^"]+)"/.exec(stderr)?.[1] ?? '';
}

function configMap(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } };
}
