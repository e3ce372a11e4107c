import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replaceFile } from '../../json-file.ts';
import { type CertificateRequest, issueCertificate } from '../../pki/issue-certificate.ts';
import { renderKubeconfig } from '../../pki/kubeconfig.ts';
import type { LabNode } from '../node-set.ts';
import { type Authorities, SHARED_FILES } from './cluster-authorities.ts';

/** First address of kubeadm's service range: the service `kubernetes`. */
const SERVICE_ADDRESS = '10.96.0.1';
const API_HOSTS = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];
/** Bound to cluster-admin by kubeadm (Kubernetes 1.36 `cmd/kubeadm/app/constants`, `ClusterAdminsGroupAndClusterRoleBinding`). */
const ADMINS = 'kubeadm:cluster-admins';
const MASTERS = 'system:masters';

type Leaf = CertificateRequest & { readonly authority: keyof Authorities };

/** Names and subjects of kubeadm's certificates (Kubernetes 1.36 `cmd/kubeadm/app/phases/certs/certlist.go`), by file beneath `pki`. */
function leaves({ name, address }: LabNode): Readonly<Record<string, Leaf>> {
  const member = { commonName: name, hosts: [name, 'localhost'], addresses: [address, '127.0.0.1'], authority: 'etcd' } as const;
  return {
    apiserver: { commonName: 'kube-apiserver', hosts: [name, ...API_HOSTS], addresses: [SERVICE_ADDRESS, address], authority: 'ca' },
    'apiserver-kubelet-client': { commonName: 'kube-apiserver-kubelet-client', organization: ADMINS, authority: 'ca' },
    'front-proxy-client': { commonName: 'front-proxy-client', authority: 'frontProxy' },
    'etcd/server': member,
    'etcd/peer': member,
    'etcd/healthcheck-client': { commonName: 'kube-etcd-healthcheck-client', authority: 'etcd' },
    'apiserver-etcd-client': { commonName: 'kube-apiserver-etcd-client', authority: 'etcd' },
  };
}

/** kubeadm's kubeconfigs (`cmd/kubeadm/app/phases/kubeconfig/kubeconfig.go`): user and group of each. */
function kubeconfigs({ name }: LabNode): Readonly<Record<string, { readonly user: string; readonly group?: string }>> {
  return {
    'admin.conf': { user: 'kubernetes-admin', group: ADMINS },
    'super-admin.conf': { user: 'kubernetes-super-admin', group: MASTERS },
    'kubelet.conf': { user: `system:node:${name}`, group: 'system:nodes' },
    'controller-manager.conf': { user: 'system:kube-controller-manager' },
    'scheduler.conf': { user: 'system:kube-scheduler' },
  };
}

/** Writes what a machine needs beneath `/etc/kubernetes`: the shared files, its own certificates and kubeconfigs, for its own API server. */
export async function writeNodePki(request: {
  readonly node: LabNode;
  readonly cluster: string;
  /** Folder that becomes `/etc/kubernetes`. */
  readonly target: string;
  readonly shared: string;
  readonly authorities: Authorities;
}): Promise<void> {
  const { node, cluster, target, shared, authorities } = request;
  for (const file of SHARED_FILES) {
    await mkdir(dirname(join(target, 'pki', file)), { recursive: true });
    await copyFile(join(shared, file), join(target, 'pki', file));
  }
  for (const [file, { authority, ...certificate }] of Object.entries(leaves(node))) {
    const pair = await issueCertificate(authorities[authority], certificate);
    await replaceFile(join(target, 'pki', `${file}.crt`), pair.cert);
    await replaceFile(join(target, 'pki', `${file}.key`), pair.key);
  }
  for (const [file, { user, group }] of Object.entries(kubeconfigs(node))) {
    const client = await issueCertificate(authorities.ca, { commonName: user, ...(group === undefined ? {} : { organization: group }) });
    await replaceFile(join(target, file), renderKubeconfig({ cluster, user, server: `https://${node.address}:6443`, caCert: authorities.ca.cert, client }));
  }
}
