import type { LabNode } from '../node-set.ts';
import { clientUrl, peerUrl } from './manifests.ts';

/** Where an etcd that is no static pod has its settings and certificates. */
export const ETCD_ENVIRONMENT = '/etc/etcd/etcd.env';
export const ETCD_PKI = '/etc/etcd/pki';

/** A unit for etcd as packages have it, but for `Type=notify`: the stand-in for systemd takes it for up when it was started. */
export function etcdUnit(maxRestartMs: number): string {
  return `[Unit]
Description=etcd - highly-available key value store
Documentation=https://etcd.io/docs
After=network.target

[Service]
EnvironmentFile=${ETCD_ENVIRONMENT}
ExecStart=/usr/local/bin/etcd
Restart=on-failure
RestartSec=${Math.min(5_000, maxRestartMs)}ms

[Install]
WantedBy=multi-user.target
`;
}

/** Settings of a member of a cluster whose members are started together (etcd's guide "static" clustering). */
export function etcdEnvironment(node: LabNode, members: readonly LabNode[], token: string): string {
  const settings = {
    ETCD_NAME: node.name,
    ETCD_DATA_DIR: '/var/lib/etcd',
    ETCD_LISTEN_CLIENT_URLS: `https://127.0.0.1:2379,${clientUrl(node)}`,
    ETCD_ADVERTISE_CLIENT_URLS: clientUrl(node),
    ETCD_LISTEN_PEER_URLS: peerUrl(node),
    ETCD_INITIAL_ADVERTISE_PEER_URLS: peerUrl(node),
    ETCD_INITIAL_CLUSTER: members.map((member) => `${member.name}=${peerUrl(member)}`).join(','),
    ETCD_INITIAL_CLUSTER_STATE: 'new',
    ETCD_INITIAL_CLUSTER_TOKEN: token,
    ETCD_TRUSTED_CA_FILE: `${ETCD_PKI}/ca.crt`,
    ETCD_CERT_FILE: `${ETCD_PKI}/server.crt`,
    ETCD_KEY_FILE: `${ETCD_PKI}/server.key`,
    ETCD_CLIENT_CERT_AUTH: 'true',
    ETCD_PEER_TRUSTED_CA_FILE: `${ETCD_PKI}/ca.crt`,
    ETCD_PEER_CERT_FILE: `${ETCD_PKI}/peer.crt`,
    ETCD_PEER_KEY_FILE: `${ETCD_PKI}/peer.key`,
    ETCD_PEER_CLIENT_CERT_AUTH: 'true',
    ETCD_LISTEN_METRICS_URLS: 'http://127.0.0.1:2381',
  };
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}
