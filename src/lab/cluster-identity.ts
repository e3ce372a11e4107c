import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { systemClock } from '../adapters/clock/system-clock.ts';
import { openCluster } from '../adapters/kube/kube-clusters.ts';
import type { ClusterOperation } from './cluster-servers.ts';
import { pairPaths } from './pki/cluster-pki.ts';
import { getCluster } from './state.ts';
import { listLabProcesses } from './supervise/proc.ts';

/** What tells one instance of a cluster from another of the same name. */
export interface ClusterIdentity {
  /** Id of the instance in this lab. */
  readonly id: string;
  /** etcd's cluster id, decimal. */
  readonly etcdClusterId: string;
  /** Uid of the namespace kube-system, which stands for the cluster by convention. */
  readonly kubeSystemUid: string;
  readonly processes: readonly { readonly server: string; readonly pid: number; readonly startTime: string }[];
}

/** Asks a living cluster's etcd, API server and processes who they are. */
export async function clusterIdentity({ directory, cluster: nameOrId, signal }: ClusterOperation): Promise<ClusterIdentity> {
  const cluster = await getCluster(directory, nameOrId);
  const pair = pairPaths(cluster, 'etcd');
  const access = { ca: await readFile(cluster.pki.caCert, 'utf8'), cert: await readFile(pair.cert, 'utf8'), key: await readFile(pair.key, 'utf8') };
  const status = JSON.parse(await post(`${cluster.etcdUrl}/v3/maintenance/status`, access, signal)) as { readonly header: { readonly cluster_id: string } };
  await using kube = await openCluster({ kubeconfigPath: cluster.kubeconfigs.admin }, { clock: systemClock, env: process.env });
  const namespace = await kube.get({ apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' }, signal);
  const processes = listLabProcesses(directory).filter((one) => one.cluster === cluster.id);
  return {
    id: cluster.id,
    etcdClusterId: status.header.cluster_id,
    kubeSystemUid: namespace?.metadata.uid ?? '',
    processes: processes.map(({ id, pid, startTime }) => ({ server: id, pid, startTime })),
  };
}

async function post(url: string, access: { readonly ca: string; readonly cert: string; readonly key: string }, signal: AbortSignal): Promise<string> {
  return await new Promise<string>((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent: false, signal, ...access }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => resolve(Buffer.concat(chunks).toString()));
      response.once('error', reject);
    });
    sent.once('error', reject).end('{}');
  });
}
