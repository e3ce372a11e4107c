import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DrError } from '../errors/dr-error.ts';
import type { LabCluster, LabConfig } from './config.ts';
import { isMissingFile } from './file-errors.ts';
import { readJsonFile, writeJsonFile } from './json-file.ts';
import { layoutOf } from './layout.ts';

/** The lab in this directory; `undefined` when there is none. */
export async function findLab(directory: string): Promise<LabConfig | undefined> {
  return await readJsonFile<LabConfig>(layoutOf(directory).config);
}

/** The lab in this directory. Throws `LAB_NOT_RUNNING` when there is none. */
export async function getLab(directory: string): Promise<LabConfig> {
  const lab = await findLab(directory);
  if (lab !== undefined) return lab;
  throw new DrError({
    code: 'LAB_NOT_RUNNING',
    message: `there is no lab in ${directory}`,
    suggestions: ['start one: lattice-dr lab up', 'name another directory with --dir'],
  });
}

/** Every cluster the lab ever had, destroyed ones too, oldest first. */
export async function listClusters(directory: string): Promise<readonly LabCluster[]> {
  const folder = layoutOf(directory).clusters;
  const ids = await readdir(folder).catch((error: unknown) => {
    if (isMissingFile(error)) return [];
    throw error;
  });
  const clusters = await Promise.all(ids.map(async (id) => await readJsonFile<LabCluster>(clusterFile(directory, id))));
  // A folder without the file is what a killed creation left; nobody was ever told of it.
  return clusters.filter((cluster) => cluster !== undefined).sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

/** The instance of that name which was created last and is not destroyed; `undefined` when there is none. */
export async function findCluster(directory: string, name: string): Promise<LabCluster | undefined> {
  return (await listClusters(directory)).findLast((cluster) => cluster.name === name && cluster.destroyedAt === undefined);
}

/** Like `findCluster`; also takes an id. Throws `LAB_NOT_RUNNING` naming those there are. */
export async function getCluster(directory: string, nameOrId: string): Promise<LabCluster> {
  const alive = (await listClusters(directory)).filter((cluster) => cluster.destroyedAt === undefined);
  const found = alive.findLast((cluster) => cluster.name === nameOrId) ?? alive.find((cluster) => cluster.id === nameOrId);
  if (found !== undefined) return found;
  const names = alive.map((cluster) => cluster.name).join(', ');
  throw new DrError({
    code: 'LAB_NOT_RUNNING',
    message: `the lab in ${directory} has no cluster ${nameOrId}; it has ${names === '' ? 'none' : names}`,
    suggestions: ['see what there is: lattice-dr lab status'],
  });
}

/** Writes the description of a cluster, new or changed. */
export async function saveCluster(lab: LabConfig, cluster: LabCluster): Promise<void> {
  await writeJsonFile(clusterFile(lab.directory, cluster.id), cluster);
}

function clusterFile(directory: string, id: string): string {
  return join(layoutOf(directory).clusters, id, 'cluster.json');
}
