import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replaceFile } from '../../json-file.ts';
import type { Authorities } from '../control-plane/cluster-authorities.ts';
import { ETCD_ENVIRONMENT, ETCD_PKI, etcdEnvironment } from '../control-plane/etcd-unit.ts';
import { type ControlPlaneImages, controllerManagerManifest, ENCRYPTION_CONFIG, schedulerManifest } from '../control-plane/manifests.ts';
import { writeNodePki } from '../control-plane/node-pki.ts';
import { etcdNodes, type KubeletBehaviour, type LabNode, type NodeSet } from '../node-set.ts';
import { installRke2, RKE2_UNIT } from '../rke2/install.ts';
import { enable, kubeletFiles, openFolders } from './image.ts';

/** While a cluster is formed nobody wants to wait. */
export const FORMING_KUBELET: KubeletBehaviour = { fileCheckMs: 100, slowStopMs: 0, heartbeatMs: 1_000, maxRestartMs: 1_000 };

export interface InstallOptions {
  readonly images: ControlPlaneImages;
  readonly authorities: Authorities;
  readonly etcdOnly: boolean;
}

/** What makes a machine a part of the cluster, but etcd and the API server of kubeadm, which come in their turn: beside the image, on its disk at the first boot. */
export async function installKubernetes(set: NodeSet, node: LabNode, { images, authorities, etcdOnly }: InstallOptions): Promise<void> {
  const root = join(node.directory, 'kubernetes');
  if (set.preset === 'rke2') {
    await installRke2(set, node, { root, authorities });
    await enable(root, RKE2_UNIT);
    for (const { path, text } of kubeletFiles(node, set.kubelet)) await replaceFile(join(root, path), text);
    await openFolders(root);
    return;
  }
  const target = join(root, 'etc/kubernetes');
  await writeNodePki({ node, cluster: set.cluster, target, shared: set.pki, authorities });
  await copyTo(join(target, 'super-admin.conf'), node.kubeconfig);
  await mkdir(join(target, 'manifests'), { recursive: true });
  if (set.encryption) await copyTo(join(set.pki, 'encryption.yaml'), join(root, ENCRYPTION_CONFIG));
  if (!etcdOnly && node.only !== 'etcd') {
    await replaceFile(join(target, 'manifests/kube-controller-manager.yaml'), controllerManagerManifest(images));
    await replaceFile(join(target, 'manifests/kube-scheduler.yaml'), schedulerManifest(images));
  }
  if (set.preset === 'systemd' && node.only !== 'api') await installUnit(set, node, root);
  for (const { path, text } of kubeletFiles(node, FORMING_KUBELET)) await replaceFile(join(root, path), text);
  await openFolders(root);
}

async function installUnit(set: NodeSet, node: LabNode, root: string): Promise<void> {
  const pki = join(root, 'etc/kubernetes/pki/etcd');
  for (const file of ['ca.crt', 'server.crt', 'server.key', 'peer.crt', 'peer.key', 'healthcheck-client.crt', 'healthcheck-client.key']) {
    await copyTo(join(pki, file), join(root, ETCD_PKI, file));
  }
  await replaceFile(join(root, ETCD_ENVIRONMENT), etcdEnvironment(node, etcdNodes(set), `${set.cluster}-etcd`));
  await enable(root, 'etcd.service');
}

async function copyTo(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}
