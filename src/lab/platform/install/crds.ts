import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import yaml from 'js-yaml';
import type { KubeObject } from '../../../model/kube-object.ts';
import type { KubeCluster } from '../../../ports/kube-cluster.ts';
import type { LabConfig } from '../../config.ts';

const MANAGER = 'lattice-operator';
/** The same folder from `src/` and, once compiled, from `dist/`. */
const CRD_FOLDER = fileURLToPath(new URL('../../../../src/lab/crds/', import.meta.url));

/** Reads the definitions of a schema generation; the seed's are an overlay on the current ones (crds/README.md). */
export async function readCrds(schema: LabConfig['behaviour']['schema']): Promise<readonly KubeObject[]> {
  const current = await readFolder('current');
  if (schema === 'current') return current;
  const seed = await readFolder('seed');
  const replaced = new Set([...seed.map((crd) => crd.metadata.name), 'infraproviders.lattice.dev']);
  return [...current.filter((crd) => !replaced.has(crd.metadata.name)), ...seed];
}

/** Installs the definitions as the operator does at each start: forced server-side apply (F5). */
export async function installCrds(kube: KubeCluster, crds: readonly KubeObject[], signal: AbortSignal): Promise<void> {
  await Promise.all(crds.map(async (crd) => await kube.apply(crd, { fieldManager: MANAGER, force: true, signal })));
}

async function readFolder(name: string): Promise<readonly KubeObject[]> {
  const folder = join(CRD_FOLDER, name);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).sort();
  return Promise.all(files.map(async (file) => yaml.load(await readFile(join(folder, file), 'utf8')) as KubeObject));
}
