import { dirname, join } from 'node:path';
import { GO_SOURCES } from '../binaries/versions.ts';
import { ensureDebianPackages } from '../debian-packages.ts';
import type { LabOperation } from '../progress.ts';
import { together } from '../together.ts';
import { createAuthorities, createEncryptionConfig } from './control-plane/cluster-authorities.ts';
import { formControlPlane } from './control-plane/form.ts';
import { type ImageStore, provideImages } from './image-store.ts';
import { kubeletFiles, openFolders, writeImage } from './machine/image.ts';
import { runInside, writeInside } from './machine/inside.ts';
import { FORMING_KUBELET, installKubernetes } from './machine/install.ts';
import { powerOn } from './machine/power.ts';
import { bridgeName, cableName, claimNetwork, nodeAddress } from './network.ts';
import {
  DEFAULT_ETCD,
  DEFAULT_KUBELET,
  type EtcdMinor,
  type KubeletBehaviour,
  type LabNode,
  type NodePreset,
  type NodeSet,
  nodesFolder,
  saveNodeSet,
} from './node-set.ts';
import { requireNodes } from './prerequisites.ts';
import { writeNodesPlan } from './recovery-plan.ts';
import { describeSsh, writeSshAccess } from './ssh-access.ts';

export interface CreateNodesOptions extends LabOperation {
  /** 1 to 5. */
  readonly count: number;
  /** `kubeadm` without. */
  readonly preset?: NodePreset;
  /** Encrypts Secrets, ConfigMaps and Clusters of Cluster API in etcd. */
  readonly encryption?: boolean;
  /** API servers on machines of their own, which come after the others: those then have etcd alone. None without. */
  readonly apiServers?: number;
  /** Only etcd, which is much quicker; no API server, so no Node objects. */
  readonly etcdOnly?: boolean;
  /** Minor version of etcd; 3.6 without. */
  readonly etcd?: EtcdMinor;
  readonly kubelet?: Partial<KubeletBehaviour>;
  /** See `NodeSet`. */
  readonly dataDiskMiB?: number;
}

/**
 * Makes control-plane machines `cp-1` and on, switches them on and forms a cluster of them. They outlive the caller. Resolves when every etcd member votes
 * and every API server is ready. Throws `LAB_NODES_UNSUPPORTED`, `LAB_SERVER_FAILED` and the codes of `ensureBinaries`.
 */
export async function createNodes(options: CreateNodesOptions): Promise<NodeSet> {
  const { directory, signal } = options;
  await requireNodes(nodesFolder(directory));
  await ensureDebianPackages(['sshd', 'ssh-keygen', 'ip', 'tc', 'nft', 'mkfs.ext4'], { signal });
  const store = await provideImages(options, { etcd: options.etcd ?? DEFAULT_ETCD, etcdOnly: options.etcdOnly ?? false });
  const set = describe(options, await claimNetwork(directory, signal), store);
  await saveNodeSet(set);
  await writeMachines(set, options, store);
  await together(
    signal,
    set.nodes.map((node) => async (both) => await powerOn(set, node, { ...options, signal: both })),
  );
  await formControlPlane(set, store.names, options);
  await settleKubelets(set, signal);
  await writeNodesPlan(set);
  const formed = { ...set, formedAt: new Date().toISOString() };
  await saveNodeSet(formed);
  return formed;
}

function describe(options: CreateNodesOptions, network: number, { images }: ImageStore): NodeSet {
  const { directory, count, apiServers = 0, preset = 'kubeadm', encryption = false, etcd = DEFAULT_ETCD, kubelet, dataDiskMiB } = options;
  const folder = nodesFolder(directory);
  const nodes = Array.from({ length: count + apiServers }, (_, index): LabNode => {
    const name = `cp-${index + 1}`;
    const own = join(folder, name);
    return {
      name,
      address: nodeAddress(network, index + 1),
      directory: own,
      cable: cableName(network, index + 1),
      server: `${name}.machine`,
      kubeconfig: join(folder, 'kubeconfigs', `${name}.yaml`),
      ...(apiServers === 0 ? {} : { only: index < count ? 'etcd' : 'api' }),
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
    kubeconfig: nodes.find(({ only }) => only !== 'etcd')?.kubeconfig ?? '',
    programs: [dirname(process.execPath), join(GO_SOURCES, '../../..'), ...new Set(Object.values(images).map(({ folder: programs }) => programs))],
    encryption,
    etcd,
    ...(dataDiskMiB === undefined ? {} : { dataDiskMiB }),
    kubelet: { ...DEFAULT_KUBELET, ...kubelet },
  };
}

/** Everything that is on the machines' disks before they are switched on for the first time. */
async function writeMachines(set: NodeSet, options: CreateNodesOptions, { names, images }: ImageStore): Promise<void> {
  const authorities = await createAuthorities(set.pki);
  if (set.encryption) await createEncryptionConfig(join(set.pki, 'encryption.yaml'));
  for (const node of set.nodes) {
    await writeImage(set, node, images);
    await installKubernetes(set, node, { images: names, authorities, etcdOnly: options.etcdOnly ?? false });
  }
  await writeSshAccess(set.ssh, set.nodes, options.signal);
  await Promise.all(set.nodes.map(async (node) => await openFolders(join(node.directory, 'image'))));
}

/** Gives the kubelets their lasting configuration, once nobody waits for them any more. */
async function settleKubelets(set: NodeSet, signal: AbortSignal): Promise<void> {
  // rke2 forms itself, with what it has.
  if (set.preset === 'rke2' || JSON.stringify(set.kubelet) === JSON.stringify(FORMING_KUBELET)) return;
  await together(
    signal,
    set.nodes.map((node) => async (both) => {
      for (const file of kubeletFiles(node, set.kubelet)) await writeInside(set, node, file);
      await runInside(set, node, { args: ['/usr/local/bin/systemctl', 'restart', 'kubelet'], signal: both });
    }),
  );
}
