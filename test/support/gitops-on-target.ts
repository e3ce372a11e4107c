import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type KubeObject, refOf } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { gitopsCrds } from './gitops-crds.ts';
import type { RebuildWorld } from './rebuild-world.ts';

/** A package that would bring Flux. */
const FLUX: KubeObject = {
  apiVersion: 'lattice.dev/v1alpha1',
  kind: 'LatticePackage',
  metadata: { namespace: 'shop', name: 'flux' },
  spec: { chart: { repository: 'oci://registry.lab.test/charts', name: 'flux2', version: '2.15.0' }, targetNamespace: 'shop' },
};
/** What applies all of git by itself. */
const ALL: KubeObject = {
  apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
  kind: 'Kustomization',
  metadata: { namespace: 'flux-system', name: 'all' },
  spec: { interval: '1m', path: './', prune: true, sourceRef: { kind: 'GitRepository', name: 'specs' } },
};

export const FLUX_PACKAGE = refOf(FLUX);
export const KUSTOMIZATION = refOf(ALL);
/** `spec` of the Kustomization, as nobody has stopped it. */
export const GOING = ALL.spec;

/** Commits a package that would bring Flux to the specs of a world. */
export async function commitFlux(world: RebuildWorld): Promise<void> {
  const { repository } = world.paths;
  await writeFile(join(repository, 'services', 'shop', 'flux.yaml'), JSON.stringify(FLUX));
  const git = async (...args: readonly string[]) =>
    await promisify(execFile)('git', ['-C', repository, '-c', 'user.name=Ann', '-c', 'user.email=ann@lab.test', ...args]);
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'Flux');
}

/** Puts the kinds of Flux and Argo CD and a Kustomization on a cluster, as what has provisioned it may bring them. No controller of theirs runs. */
export async function plantFlux(cluster: KubeCluster, signal: AbortSignal): Promise<void> {
  const write = { fieldManager: 'provisioner', signal };
  const crds = gitopsCrds();
  for (const crd of crds) await cluster.apply(crd, write);
  await using definitions = await cluster.live({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' });
  const isServed = (crd: KubeObject | undefined): boolean => JSON.stringify(crd?.status?.['conditions'] ?? '').includes('Established');
  await definitions.until((all) => {
    const found = crds.map(({ metadata: { name } }) => [...all.values()].find((one) => one.metadata.name === name));
    return found.every(isServed) ? true : undefined;
  }, signal);
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'flux-system' } }, write);
  await cluster.apply(ALL, write);
}
