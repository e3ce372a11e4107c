import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../json-file.ts';
import type { Authorities } from '../control-plane/cluster-authorities.ts';
import { writeNodePki } from '../control-plane/node-pki.ts';
import type { LabNode, NodeSet } from '../node-set.ts';
import { CONFIG, CRED, DATA, SUPERVISOR_PORT, TLS } from './paths.ts';

export const RKE2_UNIT = 'rke2-server.service';

/** A stopped unit leaves its pods (F70). */
export function rke2Unit(maxRestartMs: number): string {
  return `[Unit]
Description=Rancher Kubernetes Engine v2 (server), an emulation
Documentation=https://github.com/rancher/rke2#readme
After=network-online.target

[Service]
ExecStart=/usr/local/bin/rke2 server
KillMode=process
Restart=always
RestartSec=${Math.min(5_000, maxRestartMs)}ms

[Install]
WantedBy=multi-user.target
`;
}

/** Names that rke2 has for what kubeadm calls otherwise (k3s `pkg/daemons/control/deps/deps.go`); the emulation reads both. */
const RENAMED: Readonly<Record<string, string>> = {
  'etcd/ca.crt': 'etcd/server-ca.crt',
  'etcd/ca.key': 'etcd/server-ca.key',
  'etcd/server.crt': 'etcd/server-client.crt',
  'etcd/server.key': 'etcd/server-client.key',
  'etcd/peer.crt': 'etcd/peer-server-client.crt',
  'etcd/peer.key': 'etcd/peer-server-client.key',
  'etcd/healthcheck-client.crt': 'etcd/client.crt',
  'etcd/healthcheck-client.key': 'etcd/client.key',
  'ca.key': 'server-ca.key',
  'sa.key': 'service.key',
};

/** What makes a machine a server of rke2: certificates that a real one would make itself, configuration and token. All but the first are told to join it. */
export async function installRke2(
  set: NodeSet,
  node: LabNode,
  { root, authorities }: { readonly root: string; readonly authorities: Authorities },
): Promise<void> {
  const draft = join(root, 'draft');
  await writeNodePki({ node, cluster: set.cluster, target: draft, shared: set.pki, authorities });
  await mkdir(join(root, CRED), { recursive: true });
  await copyTo(join(draft, 'super-admin.conf'), node.kubeconfig);
  await copyTo(join(draft, 'super-admin.conf'), join(root, CONFIG, 'rke2.yaml'));
  for (const name of ['kubelet.conf', 'controller-manager.conf', 'scheduler.conf']) await rename(join(draft, name), join(root, CRED, name));
  await rename(join(draft, 'pki'), join(root, TLS));
  for (const [from, to] of Object.entries(RENAMED)) await copyTo(join(root, TLS, from), join(root, TLS, to));
  await copyTo(join(root, TLS, 'etcd/ca.crt'), join(root, TLS, 'etcd/peer-ca.crt'));
  await rm(draft, { recursive: true });
  const token = `${set.cluster}-token`;
  const [first] = set.nodes;
  const joins = node === first || first === undefined ? '' : `server: https://${first.address}:${SUPERVISOR_PORT}\n`;
  await replaceFile(join(root, CONFIG, 'config.yaml'), `token: ${token}\n`);
  if (joins !== '') await replaceFile(join(root, CONFIG, 'config.yaml.d/10-join.yaml'), `# Written by whoever set this machine up.\n${joins}`);
  await replaceFile(join(root, DATA, 'server/token'), `K10emulated::server:${token}\n`);
}

async function copyTo(from: string, to: string): Promise<void> {
  await mkdir(join(to, '..'), { recursive: true });
  await copyFile(from, to);
}
