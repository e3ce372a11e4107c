import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LabCluster, LabConfig, StandInConfig } from '../config.ts';
import { writeJsonFile } from '../json-file.ts';
import { layoutOf } from '../layout.ts';
import { answersOk } from '../supervise/probe.ts';
import type { ServerSpec } from '../supervise/server-spec.ts';

/** What stands in for the Lattice operator, and for the kubelets of a cluster. */
export type StandInName = 'platform' | 'node';

/** Path of a program of this folder, in `src/` and, once compiled, in `dist/`. */
export function labProgram(relative: string): string {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  return fileURLToPath(new URL(`../${relative}${extension}`, import.meta.url));
}

/** A stand-in as a Node process. Writes its configuration file as a side effect, since a process may only be told a path. */
export async function standInSpec(lab: LabConfig, cluster: LabCluster, name: StandInName): Promise<ServerSpec> {
  const controlPort = name === 'platform' ? cluster.ports.platformControl : cluster.ports.nodeControl;
  const stateDirectory = join(cluster.directory, name);
  const config: StandInConfig = { labDirectory: lab.directory, clusterId: cluster.id, stateDirectory, controlPort };
  const configPath = join(cluster.directory, `${name}.json`);
  await writeJsonFile(configPath, config);
  return {
    id: `${cluster.id}.${name}`,
    cluster: cluster.id,
    file: process.execPath,
    args: [labProgram(`${name}/main`), configPath],
    workDirectory: stateDirectory,
    logPath: join(layoutOf(lab.directory).logs, `${cluster.id}.${name}.log`),
    readyTimeoutMs: 180_000,
    isReady: async (signal) => await answersOk(`http://127.0.0.1:${controlPort}/healthz`, signal),
  };
}
