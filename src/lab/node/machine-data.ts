import { join } from 'node:path';
import type { LabCluster } from '../config.ts';
import { readJsonFile, writeJsonFile } from '../json-file.ts';

/**
 * What a provider hands to a new machine (its user data): who it is, and where to fetch the platform's manifests. Written by the parent's platform
 * stand-in when it provisions a cluster; absent for a parent, which was installed and not provisioned.
 */
export interface MachineData {
  readonly nodes: readonly MachineNode[];
  readonly bootstrap?: BootstrapSource;
  /** Uid of the Cluster API object it was made for. */
  readonly requestUid?: string;
}

export interface MachineNode {
  readonly name: string;
  readonly role: 'control-plane' | 'worker';
  /** Worker pool, for workers. */
  readonly pool?: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface BootstrapSource {
  /** `http://127.0.0.1:<port>` of the parent's cell. */
  readonly cell: string;
  /** Works once (F13). */
  readonly token: string;
}

/** Reads the machine data of a cluster; a cluster that has none gets one control-plane node that also takes work. */
export async function readMachineData(cluster: LabCluster): Promise<MachineData> {
  const data = await readJsonFile<MachineData>(pathOf(cluster));
  return data ?? { nodes: [{ name: `${cluster.name}-control-plane-0`, role: 'control-plane', labels: {} }] };
}

/** Writes the machine data, 0600: it holds the token. */
export async function writeMachineData(cluster: LabCluster, data: MachineData): Promise<void> {
  await writeJsonFile(pathOf(cluster), data);
}

function pathOf(cluster: LabCluster): string {
  return join(cluster.directory, 'machine.json');
}
