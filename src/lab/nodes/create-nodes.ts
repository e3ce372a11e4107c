import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BinaryPaths, ensureBinaries } from '../binaries/ensure.ts';
import { binaryOf, GO_SOURCES } from '../binaries/versions.ts';
import { ensureDebianPackages } from '../debian-packages.ts';
import { replaceFile } from '../json-file.ts';
import type { LabOperation } from '../progress.ts';
import { together } from '../together.ts';
import { createAuthorities, createEncryptionConfig } from './control-plane/cluster-authorities.ts';
import { formControlPlane } from './control-plane/form.ts';
import { type ControlPlaneImages, controllerManagerManifest, ENCRYPTION_CONFIG, schedulerManifest } from './control-plane/manifests.ts';
import { writeNodePki } from './control-plane/node-pki.ts';
import { writeImage } from './machine/image.ts';
import { powerOn } from './machine/power.ts';
import { bridgeName, cableName, claimNetwork, nodeAddress } from './network.ts';
import { DEFAULT_KUBELET, type KubeletBehaviour, type LabNode, type NodePreset, type NodeSet, nodesFolder, saveNodeSet } from './node-set.ts';
import { requireNodes } from './prerequisites.ts';
import { describeSsh, writeSshAccess } from './ssh-access.ts';

const PROGRAMS = ['etcd', 'etcdctl', 'etcdutl', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;

export interface CreateNodesOptions extends LabOperation {
  /** 1 to 5. */
  readonly count: number;
  /** `kubeadm` without. */
  readonly preset?: NodePreset;
  /** Encrypts Secrets and ConfigMaps in etcd. */
  readonly encryption?: boolean;
  /** Only etcd, which is much quicker; no API server, so no Node objects. */
  readonly etcdOnly?: boolean;
  readonly kubelet?: Partial<KubeletBehaviour>;
}

/**
 * Makes control-plane machines `cp-1` and on, switches them on and forms a cluster of them. They outlive the caller. Resolves when every etcd member votes
 * and every API server is ready. Throws `LAB_NODES_UNSUPPORTED`, `LAB_SERVER_FAILED` and the codes of `ensureBinaries`.
 */
export async function createNodes(options: CreateNodesOptions): Promise<NodeSet> {
  const { directory, signal } = options;
  await requireNodes(nodesFolder(directory));
  await ensureDebianPackages(['sshd', 'ssh-keygen', 'ip', 'nft'], { signal });
  const binaries = await ensureBinaries({ names: PROGRAMS, signal });
  const network = await claimNetwork(directory, signal);
  const set = describe(options, network, binaries);
  const images = imagesOf(binaries);
  await saveNodeSet(set);
  await writeMachines(set, images, options);
  await together(
    signal,
    set.nodes.map((node) => async (both) => await powerOn(set, node, { ...options, signal: both })),
  );
  await formControlPlane(set, images.names, options);
  return set;
}

function describe(options: CreateNodesOptions, network: number, binaries: BinaryPaths<(typeof PROGRAMS)[number]>): NodeSet {
  const { directory, count, preset = 'kubeadm', encryption = false, kubelet } = options;
  const folder = nodesFolder(directory);
  const nodes = Array.from({ length: count }, (_, index): LabNode => {
    const name = `cp-${index + 1}`;
    const own = join(folder, name);
    return {
      name,
      address: nodeAddress(network, index + 1),
      directory: own,
      cable: cableName(network, index + 1),
      server: `${name}.machine`,
      kubeconfig: join(folder, 'kubeconfigs', `${name}.yaml`),
    };
  });
  return {
    formatVersion: 1,
    directory,
    cluster: bridgeName(network),
    preset,
    network,
    nodes,
    ssh: describeSsh(folder),
    pki: join(folder, 'pki'),
    kubeconfig: nodes[0]?.kubeconfig ?? '',
    programs: [dirname(process.execPath), join(GO_SOURCES, '../../..'), ...new Set(Object.values(binaries).map((path) => dirname(path)))],
    encryption,
    kubelet: { ...DEFAULT_KUBELET, ...kubelet },
  };
}

interface Images {
  readonly names: ControlPlaneImages;
  /** Folder of the programs of each. */
  readonly folders: Readonly<Record<string, string>>;
}

function imagesOf(binaries: BinaryPaths<(typeof PROGRAMS)[number]>): Images {
  const kubernetes = (name: 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler'): string => `registry.k8s.io/${name}:v${binaryOf(name).version}`;
  const names: ControlPlaneImages = {
    etcd: `registry.k8s.io/etcd:${binaryOf('etcd').version}-0`,
    'kube-apiserver': kubernetes('kube-apiserver'),
    'kube-controller-manager': kubernetes('kube-controller-manager'),
    'kube-scheduler': kubernetes('kube-scheduler'),
  };
  const folders = Object.entries(names).map(([name, image]) => [image, dirname(binaries[name as keyof ControlPlaneImages])]);
  return { names, folders: Object.fromEntries(folders) as Record<string, string> };
}

/** Everything that is on the machines' disks before they are switched on for the first time, but etcd and the API server, which come in their turn. */
async function writeMachines(set: NodeSet, images: Images, options: CreateNodesOptions): Promise<void> {
  const authorities = await createAuthorities(set.pki);
  const encryptionConfig = join(set.pki, 'encryption.yaml');
  if (set.encryption) await createEncryptionConfig(encryptionConfig);
  for (const node of set.nodes) {
    await writeImage(set, node, images.folders);
    const target = join(node.directory, 'kubernetes/etc/kubernetes');
    await writeNodePki({ node, cluster: set.cluster, target, shared: set.pki, authorities });
    await mkdir(dirname(node.kubeconfig), { recursive: true, mode: 0o700 });
    await copyFile(join(target, 'super-admin.conf'), node.kubeconfig);
    await mkdir(join(target, 'manifests'), { recursive: true });
    if (set.encryption) {
      const path = join(node.directory, 'kubernetes', ENCRYPTION_CONFIG);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await copyFile(encryptionConfig, path);
    }
    if (options.etcdOnly !== true) {
      await replaceFile(join(target, 'manifests/kube-controller-manager.yaml'), controllerManagerManifest(images.names));
      await replaceFile(join(target, 'manifests/kube-scheduler.yaml'), schedulerManifest(images.names));
    }
    await chmod(join(node.directory, 'kubernetes'), 0o755);
    await chmod(join(node.directory, 'kubernetes/etc'), 0o755);
  }
  await writeSshAccess(set.ssh, set.nodes, options.signal);
}
