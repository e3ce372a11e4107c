import { readFile } from 'node:fs/promises';
import { startControlPlane, startNode, startPlatform } from '../../cluster-servers.ts';
import type { LabCluster } from '../../config.ts';
import { createCluster } from '../../create-cluster.ts';
import { destroyCluster } from '../../destroy-cluster.ts';
import { type MachineData, readMachineData, writeMachineData } from '../../node/machine-data.ts';
import { getLab, listClusters } from '../../state.ts';

/** The machines a provider has: here, whole clusters of the lab. */
export class Infrastructure {
  readonly #labDirectory: string;

  constructor(labDirectory: string) {
    this.#labDirectory = labDirectory;
  }

  /** A living instance by id. */
  async find(id: string): Promise<LabCluster | undefined> {
    return (await listClusters(this.#labDirectory)).find((cluster) => cluster.id === id && cluster.destroyedAt === undefined);
  }

  /**
   * A control plane of that name for this request, made if it is not there yet. One that was made for the same request, or whose making was cut short, is
   * taken over and finished; one of another request is in the way, as real machines and addresses would be, and makes this throw `INPUT_INVALID`.
   */
  async ensureControlPlane(
    request: { readonly name: string; readonly requestUid: string; readonly machines: MachineData },
    signal: AbortSignal,
  ): Promise<LabCluster> {
    const operation = { directory: this.#labDirectory, signal };
    const started = await this.#findFor(request.name, request.requestUid);
    const cluster = started ?? (await createCluster({ ...operation, name: request.name, role: 'workload' }));
    if (started !== undefined) await startControlPlane(await getLab(this.#labDirectory), cluster, operation);
    await writeMachineData(cluster, { ...request.machines, requestUid: request.requestUid });
    return cluster;
  }

  /** Powers the machines on: their kubelets, and what they run at first boot. */
  async startMachines(cluster: LabCluster, signal: AbortSignal): Promise<void> {
    const operation = { directory: this.#labDirectory, cluster: cluster.id, signal };
    await Promise.all([startNode(operation), startPlatform(operation)]);
  }

  /** An admin kubeconfig, as it is published. */
  async kubeconfig(cluster: LabCluster): Promise<string> {
    return readFile(cluster.kubeconfigs.public, 'utf8');
  }

  /** Deletes the machines and their disks; nothing if they are gone. */
  async destroy(id: string, signal: AbortSignal): Promise<void> {
    if ((await this.find(id)) !== undefined) await destroyCluster({ directory: this.#labDirectory, cluster: id, signal });
  }

  /** A living cluster of that name which was made for the request, or for nobody yet. */
  async #findFor(name: string, requestUid: string): Promise<LabCluster | undefined> {
    const living = (await listClusters(this.#labDirectory)).filter((cluster) => cluster.name === name && cluster.destroyedAt === undefined);
    for (const cluster of living) {
      const { requestUid: owner } = await readMachineData(cluster);
      if (owner === undefined || owner === requestUid) return cluster;
    }
    return undefined;
  }
}
