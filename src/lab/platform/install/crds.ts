import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { digestOfJson } from '../../../model/digest.ts';
import type { KubeObject, ResourceType } from '../../../model/kube-object.ts';
import type { LabConfig } from '../../config.ts';
import { untilServed } from '../../reconcile/served.ts';
import { TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';

const MANAGER = 'lattice-operator';
const DIGEST_ANNOTATION = 'lab.lattice.dev/digest';
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

/**
 * Installs definitions as the operator does at each start, by forced server-side apply (F5), and waits until they are served. Those that are there in the
 * same form are left out: applying all of them again costs the API server a second.
 */
export async function installCrds(crds: readonly KubeObject[], { kube, clock }: Pick<PlatformContext, 'kube' | 'clock'>, signal: AbortSignal): Promise<void> {
  const existing = (await kube.list(TYPES.CustomResourceDefinition, { signal })) ?? [];
  const digests = new Map(existing.map((crd) => [crd.metadata.name, crd.metadata.annotations?.[DIGEST_ANNOTATION]]));
  const wanted = crds.map((crd) => {
    const annotations = { ...crd.metadata.annotations, [DIGEST_ANNOTATION]: digestOfJson(crd.spec ?? {}) };
    return { ...crd, metadata: { ...crd.metadata, annotations } };
  });
  const changed = wanted.filter((crd) => digests.get(crd.metadata.name) !== crd.metadata.annotations[DIGEST_ANNOTATION]);
  await Promise.all(changed.map(async (crd) => await kube.apply(crd, { fieldManager: MANAGER, force: true, signal })));
  await untilServed(crds.flatMap(servedTypes), kube, { clock, signal });
}

function servedTypes(crd: KubeObject): readonly ResourceType[] {
  const spec = crd.spec as unknown as {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
  return spec.versions.filter((version) => version.served).map((version) => ({ apiVersion: `${spec.group}/${version.name}`, kind: spec.names.kind }));
}

async function readFolder(name: string): Promise<readonly KubeObject[]> {
  const folder = join(CRD_FOLDER, name);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).sort();
  return Promise.all(files.map(async (file) => load(await readFile(join(folder, file), 'utf8')) as KubeObject));
}
