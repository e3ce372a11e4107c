import { copyFile, link, mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ensureBinaries } from '../binaries/ensure.ts';
import { binaryOf, type LabBinaryName } from '../binaries/versions.ts';
import type { LabOperation } from '../progress.ts';
import type { ControlPlaneImages } from './control-plane/manifests.ts';
import type { LabImages } from './kubelet/images.ts';
import { type EtcdMinor, nodesFolder } from './node-set.ts';

/** Images of a control plane: what they are called, and which programs of this system they are. */
export interface ImageStore {
  readonly names: ControlPlaneImages;
  readonly images: LabImages;
}

const ETCD_PROGRAMS = ['etcd', 'etcdctl', 'etcdutl'] as const;
const KUBERNETES_PROGRAMS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;

/** Binaries of an etcd of one minor version; 3.6 is the one that comes with the control plane of Kubernetes 1.36. */
const ETCD_BINARIES: Readonly<Record<EtcdMinor, readonly [etcd: LabBinaryName, ...LabBinaryName[]]>> = {
  '3.5': ['etcd-3.5', 'etcdctl-3.5', 'etcdutl-3.5'],
  '3.6': ['etcd', 'etcdctl', 'etcdutl'],
  '3.7': ['etcd-3.7', 'etcdctl-3.7', 'etcdutl-3.7'],
};

/** Finds or builds the programs of a control plane. Without `etcdOnly` those of Kubernetes too. */
export async function provideImages(operation: LabOperation, options: { readonly etcd: EtcdMinor; readonly etcdOnly: boolean }): Promise<ImageStore> {
  const { signal } = operation;
  const names = imageNames(options.etcd);
  const etcd = { folder: await etcdFolder(operation, options.etcd), programs: ETCD_PROGRAMS };
  if (options.etcdOnly) return { names, images: { [names.etcd]: etcd } };
  const binaries = await ensureBinaries({ names: KUBERNETES_PROGRAMS, signal });
  const kubernetes = KUBERNETES_PROGRAMS.map((name) => [names[name], { folder: dirname(binaries[name]), programs: [name] }] as const);
  return { names, images: { [names.etcd]: etcd, ...Object.fromEntries(kubernetes) } };
}

function imageNames(etcd: EtcdMinor): ControlPlaneImages {
  const kubernetes = (name: (typeof KUBERNETES_PROGRAMS)[number]): string => `registry.k8s.io/${name}:v${binaryOf(name).version}`;
  return {
    etcd: `registry.k8s.io/etcd:${binaryOf(ETCD_BINARIES[etcd][0]).version}-0`,
    'kube-apiserver': kubernetes('kube-apiserver'),
    'kube-controller-manager': kubernetes('kube-controller-manager'),
    'kube-scheduler': kubernetes('kube-scheduler'),
  };
}

/** A folder in which the programs have their own names: what a process is, is told by the name of its program. */
async function etcdFolder({ directory, signal }: LabOperation, minor: EtcdMinor): Promise<string> {
  const names = ETCD_BINARIES[minor];
  const binaries = await ensureBinaries({ names, signal });
  if (basename(binaries[names[0]]) === ETCD_PROGRAMS[0]) return dirname(binaries[names[0]]);
  const folder = join(nodesFolder(directory), 'images', `etcd-${minor}`);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  for (const [index, name] of names.entries()) {
    const target = join(folder, ETCD_PROGRAMS[index] ?? name);
    await link(binaries[name], target).catch(async () => await copyFile(binaries[name], target));
  }
  return folder;
}
