import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import type { LabPart } from '../../src/lab/lab-up.ts';
import { TYPES } from '../../src/lab/reconcile/types.ts';
import { getCluster } from '../../src/lab/state.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject, ObjectRef, ResourceType } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { clusterProvision } from '../../src/steps/cluster/provision.ts';
import type { ProvisionOutputs } from '../../src/steps/cluster/provisioners/provisioner.ts';
import { PlatformWorld } from '../integration/platform-world.ts';
import { type Kubectl, kubectlFor } from '../support/kubectl.ts';
import { type CommittedSpecs, StepBench } from '../support/step-bench.ts';

const LIFETIME_MS = 10 * 60_000;
/** Longer than a restart of the API server; shorter than a test, so that a refused write says so. */
const WRITE_LIMIT_MS = 30_000;

/** A parent and its platform, in which a trap is first walked into by hand and then avoided by the steps of a run. */
export class TrapLab implements AsyncDisposable {
  readonly world: PlatformWorld;
  readonly bench: StepBench;
  readonly #opened: KubeCluster[] = [];

  private constructor(world: PlatformWorld, bench: StepBench) {
    this.world = world;
    this.bench = bench;
  }

  /** `parts` adds to the parent and its platform. */
  static async start(parts: readonly LabPart[]): Promise<TrapLab> {
    return new TrapLab(await PlatformWorld.start(parts, LIFETIME_MS), await StepBench.open());
  }

  get parent(): KubeCluster {
    return this.world.parent;
  }

  get directory(): string {
    return this.world.lab.directory;
  }

  get signal(): AbortSignal {
    return this.world.lab.operation.signal;
  }

  async adminKubeconfig(cluster = 'management'): Promise<string> {
    return (await getCluster(this.directory, cluster)).kubeconfigs.admin;
  }

  /** kubectl with the rights of a cluster's administrator. */
  async kubectl(cluster = 'management'): Promise<Kubectl> {
    return await kubectlFor(await this.adminKubeconfig(cluster), this.directory);
  }

  /** `cluster` of a plan that provisions through this lab's parent. */
  async planCluster(name: string): Promise<JsonObject> {
    return { name, parent: { kubeconfig: { file: await this.adminKubeconfig() } }, kubeconfigOut: this.bench.path(`${name}.kubeconfig`) };
  }

  /** Has the step provision a cluster from git. */
  async provisionByStep(name: string, source: CommittedSpecs): Promise<ProvisionOutputs> {
    return (await this.bench.run(clusterProvision, name, { cluster: await this.planCluster(name), ...source })).outputs;
  }

  /** Opens a cluster by a kubeconfig file, until the lab goes. */
  async open(kubeconfig: string): Promise<KubeCluster> {
    const cluster = await openCluster({ kubeconfigPath: kubeconfig }, { clock: systemClock, env: {} });
    this.#opened.push(cluster);
    return cluster;
  }

  /** An object by `namespace/name`, or by `name` alone where its type has no namespace. */
  async get(cluster: KubeCluster, type: ResourceType, place: string): Promise<KubeObject | undefined> {
    const [name = '', namespace] = place.split('/').reverse();
    return await cluster.get({ ...type, name, ...(namespace === undefined ? {} : { namespace }) }, this.signal);
  }

  async list(cluster: KubeCluster, type: ResourceType, namespace?: string): Promise<readonly KubeObject[]> {
    return (await cluster.list(type, { signal: this.signal, ...(namespace === undefined ? {} : { namespace }) })) ?? [];
  }

  /** A merge patch, as `kubectl patch` sends it. */
  async patch(cluster: KubeCluster, ref: ObjectRef, patch: JsonObject): Promise<void> {
    await cluster.mergePatch(ref, patch, { fieldManager: 'by-hand', signal: AbortSignal.timeout(WRITE_LIMIT_MS) });
  }

  /** The same for an object's status. */
  async patchStatus(cluster: KubeCluster, ref: ObjectRef, status: JsonObject): Promise<void> {
    await cluster.mergePatch(ref, { status }, { fieldManager: 'by-hand', signal: AbortSignal.timeout(WRITE_LIMIT_MS), subresource: 'status' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cluster of this.#opened) await cluster[Symbol.asyncDispose]();
    await this.bench[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

/** The value of a key of a Secret. */
export function secretValue(secret: KubeObject | undefined, key: string): string {
  return Buffer.from(((secret?.['data'] ?? {}) as Readonly<Record<string, string>>)[key] ?? '', 'base64').toString('utf8');
}

/** The object's phase, empty without one. */
export function phaseOf(object: KubeObject | undefined): string {
  return String(object?.status?.['phase'] ?? '');
}

/** A LatticeCluster's declared workers. */
export function workersOf(object: KubeObject | undefined): number | undefined {
  return (object?.spec as { readonly nodes?: { readonly workerPools?: { readonly general?: { readonly replicas?: number } } } } | undefined)?.nodes?.workerPools
    ?.general?.replicas;
}

/** Reference of a LatticeCluster. */
export function clusterRef(name: string): ObjectRef {
  return { ...TYPES.LatticeCluster, name };
}
