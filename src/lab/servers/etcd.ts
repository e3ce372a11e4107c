import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabCluster, LabConfig } from '../config.ts';
import { layoutOf } from '../layout.ts';
import { pairPaths } from '../pki/cluster-pki.ts';
import { answersOk } from '../supervise/probe.ts';
import type { ServerSpec } from '../supervise/server-spec.ts';

/**
 * One etcd member over TLS with client certificates. `--unsafe-no-fsync`: what the lab does to servers is killing them, and written pages survive that;
 * a power cut of the machine would lose data, and a lab may be lost then.
 */
export function etcdSpec(lab: LabConfig, cluster: LabCluster, file: string): ServerSpec {
  const { etcdClient, etcdPeer } = cluster.ports;
  const ca = pairPaths(cluster, 'ca').cert;
  const pair = pairPaths(cluster, 'etcd');
  const peerUrl = `https://127.0.0.1:${etcdPeer}`;
  const name = cluster.id;
  return {
    id: `${cluster.id}.etcd`,
    cluster: cluster.id,
    file,
    args: [
      `--name=${name}`,
      `--data-dir=${join(cluster.directory, 'etcd')}`,
      `--listen-client-urls=${cluster.etcdUrl}`,
      `--advertise-client-urls=${cluster.etcdUrl}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=${name}=${peerUrl}`,
      `--initial-cluster-token=${cluster.etcdToken}`,
      `--cert-file=${pair.cert}`,
      `--key-file=${pair.key}`,
      `--trusted-ca-file=${ca}`,
      '--client-cert-auth',
      `--peer-cert-file=${pair.cert}`,
      `--peer-key-file=${pair.key}`,
      `--peer-trusted-ca-file=${ca}`,
      '--peer-client-cert-auth',
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
    workDirectory: cluster.directory,
    logPath: join(layoutOf(lab.directory).logs, `${cluster.id}.etcd.log`),
    readyTimeoutMs: 90_000,
    isReady: async (signal) => {
      const access = { ca: await readFile(ca, 'utf8'), cert: await readFile(pair.cert, 'utf8'), key: await readFile(pair.key, 'utf8') };
      return await answersOk(`https://127.0.0.1:${etcdClient}/readyz`, signal, access);
    },
  };
}
