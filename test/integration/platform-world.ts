import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import type { LabCluster } from '../../src/lab/config.ts';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { type LabPart, labUp } from '../../src/lab/lab-up.ts';
import { TYPES } from '../../src/lab/reconcile/types.ts';
import { findCluster, getCluster, listClusters } from '../../src/lab/state.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject, ObjectRef } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { createTestLab, type TestLab } from './lab-world.ts';

const MANAGER = 'platform-test';

/** A lab with a parent and its platform, in which tests provision clusters. */
export class PlatformWorld implements AsyncDisposable {
  readonly lab: TestLab;
  readonly parent: KubeCluster;
  readonly #open: KubeCluster[] = [];

  private constructor(lab: TestLab, parent: KubeCluster) {
    this.lab = lab;
    this.parent = parent;
    this.#open.push(parent);
  }

  /** `only` adds to the parent and its platform; the whole world lasts `timeoutMs` at most. */
  static async start(only: readonly LabPart[] = [], timeoutMs?: number): Promise<PlatformWorld> {
    const lab = await createTestLab(timeoutMs);
    const parts: readonly LabPart[] = ['parent', 'platform', ...only];
    const config = await labUp({ ...lab.operation, only: parts, behaviour: { retryIntervalMs: 1_000 } });
    const parent = await openAdmin(await getCluster(lab.directory, config.parent));
    const world = new PlatformWorld(lab, parent);
    await world.apply(parent, { ...TYPES.InfraProvider, metadata: { namespace: 'lattice-system', name: 'lab-infra' }, spec: { type: 'docker' } });
    return world;
  }

  /** The platform's control endpoint on the parent. */
  async fault(name: string, body: JsonObject): Promise<void> {
    const { ports } = await getCluster(this.lab.directory, 'management');
    const response = await fetch(`http://127.0.0.1:${ports.platformControl}/fault/${name}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
  }

  async apply(cluster: KubeCluster, object: KubeObject): Promise<void> {
    await cluster.apply(object, { fieldManager: MANAGER, force: true, signal: this.lab.operation.signal });
  }

  async get(cluster: KubeCluster, ref: ObjectRef): Promise<KubeObject | undefined> {
    return cluster.get(ref, this.lab.operation.signal);
  }

  async phase(name: string): Promise<string> {
    const object = await this.get(this.parent, { ...TYPES.LatticeCluster, name });
    return typeof object?.status?.['phase'] === 'string' ? object.status['phase'] : '';
  }

  /** Applies a LatticeCluster and waits until it is Ready. */
  async provision(name: string): Promise<LabCluster> {
    await this.apply(this.parent, latticeCluster(name));
    await until(async () => (await this.phase(name)) === 'Ready', `${name} is Ready`);
    return getCluster(this.lab.directory, name);
  }

  /** Ends all clusters but the parent, so that those of one test do not slow the next one down. */
  async endClusters(): Promise<void> {
    const clusters = (await listClusters(this.lab.directory)).filter((cluster) => cluster.role === 'workload' && cluster.destroyedAt === undefined);
    for (const { id } of clusters) await destroyCluster({ ...this.lab.operation, cluster: id });
  }

  /** The living instance of a name. */
  async instance(name: string): Promise<LabCluster | undefined> {
    return findCluster(this.lab.directory, name);
  }

  async openAdmin(cluster: LabCluster): Promise<KubeCluster> {
    const opened = await openAdmin(cluster);
    this.#open.push(opened);
    return opened;
  }

  /** A rolling restart of the operator on the parent, and its end. */
  async restartOperator(): Promise<void> {
    const ref = { ...TYPES.Deployment, namespace: 'lattice-system', name: 'lattice-operator' };
    const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
    const log = async (): Promise<number> => (await this.platformLog()).split('the operator is up').length;
    const before = await log();
    const options = { fieldManager: MANAGER, signal: this.lab.operation.signal };
    await this.parent.mergePatch(ref, { spec: { template: { metadata: { annotations } } } }, options);
    await until(async () => (await log()) > before, 'the operator is up again');
  }

  async platformLog(cluster = 'management'): Promise<string> {
    const { id } = await getCluster(this.lab.directory, cluster);
    return readFile(`${this.lab.directory}/logs/${id}.platform.log`, 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cluster of this.#open) await cluster[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
  }
}

/** Polls until the condition holds; the error says what was waited for. */
export async function until(condition: () => Promise<boolean>, what: string, timeoutMs = 90_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs / 1_000} s in vain: ${what}`);
    await sleep(100);
  }
}

/** The smallest cluster: one control-plane node and one worker, nothing installed that is not always installed. */
export function latticeCluster(name: string): KubeObject {
  return {
    ...TYPES.LatticeCluster,
    metadata: { name },
    spec: {
      latticeImage: 'registry.lab.test/lattice:lab',
      providerRef: 'lab-infra',
      provider: { kubernetes: { version: '1.36.0', bootstrap: 'kubeadm' }, config: { docker: {} } },
      nodes: { controlPlane: { replicas: 1 }, workerPools: { general: { replicas: 1 } } },
      services: true,
      monitoring: { enabled: false },
      backups: { enabled: false },
    },
  };
}

async function openAdmin(cluster: LabCluster): Promise<KubeCluster> {
  return openCluster({ kubeconfigPath: cluster.kubeconfigs.admin }, { clock: systemClock, env: {} });
}
