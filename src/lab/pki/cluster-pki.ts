import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import type { LabCluster } from '../config.ts';
import { replaceFile } from '../json-file.ts';
import { type CertificateAuthority, createAuthority, issueCertificate, type KeyPair, privateKeyOf } from './issue-certificate.ts';
import { renderKubeconfig } from './kubeconfig.ts';

/** The group that Kubernetes binds to cluster-admin by default. */
const MASTERS = 'system:masters';

/** Name under which the fault proxy may speak for others (`--requestheader-allowed-names`). */
export const FAULT_PROXY_NAME = 'lab-fault-proxy';

const HOSTS = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];

/** Key pairs of a cluster's servers, by file name in `<cluster>/pki`. */
const SERVER_PAIRS = {
  apiserver: { commonName: 'kube-apiserver' },
  etcd: { commonName: 'etcd' },
  'fault-proxy': { commonName: FAULT_PROXY_NAME },
} as const;

export type ServerPair = keyof typeof SERVER_PAIRS;

/** Paths of a server's certificate and key. */
export function pairPaths(
  cluster: Pick<LabCluster, 'directory'>,
  name: ServerPair | 'ca' | 'service-account',
): { readonly cert: string; readonly key: string } {
  return { cert: join(cluster.directory, 'pki', `${name}.crt`), key: join(cluster.directory, 'pki', `${name}.key`) };
}

/** Makes everything a cluster's servers and users authenticate with: one authority, certificates, the service-account key, kubeconfigs. Files are 0600. */
export async function writeClusterPki(cluster: LabCluster): Promise<void> {
  const authority = await createAuthority(`lattice-dr lab ${cluster.id}`);
  await writePair(cluster, 'ca', authority);
  const accounts = await issueCertificate(authority, { commonName: 'service-accounts' });
  await writePair(cluster, 'service-account', {
    key: accounts.key,
    cert: createPublicKey(privateKeyOf(accounts)).export({ type: 'spki', format: 'pem' }) as string,
  });
  for (const name of Object.keys(SERVER_PAIRS) as ServerPair[]) {
    const request = { ...SERVER_PAIRS[name], addresses: ['127.0.0.1'], hosts: HOSTS };
    await writePair(cluster, name, await issueCertificate(authority, request));
  }
  await writeKubeconfigs(cluster, authority);
}

async function writeKubeconfigs(cluster: LabCluster, authority: CertificateAuthority): Promise<void> {
  const { kubeconfigs } = cluster;
  const users = [
    { path: kubeconfigs.admin, user: 'lattice-admin', server: cluster.server },
    { path: kubeconfigs.public, user: 'lattice-admin', server: cluster.publicServer },
    { path: kubeconfigs.latency, user: 'lattice-admin', server: `https://127.0.0.1:${cluster.ports.latencyProxy}` },
    { path: kubeconfigs.operator, user: 'lattice-operator', server: cluster.server },
    { path: kubeconfigs.node, user: 'lab-node', server: cluster.server },
    { path: kubeconfigs.controllers, user: 'system:kube-controller-manager', server: cluster.server },
  ];
  for (const { path, user, server } of users) {
    const client = await issueCertificate(authority, { commonName: user, organization: MASTERS });
    await replaceFile(path, renderKubeconfig({ cluster: cluster.name, user, server, caCert: authority.cert, client }));
  }
}

async function writePair(cluster: LabCluster, name: ServerPair | 'ca' | 'service-account', pair: KeyPair): Promise<void> {
  const paths = pairPaths(cluster, name);
  await replaceFile(paths.cert, pair.cert);
  await replaceFile(paths.key, pair.key);
}
