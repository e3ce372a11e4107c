import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DrError } from '../errors/dr-error.ts';
import { isClusterName } from '../model/ids.ts';
import { claimSlot, clusterAddresses, clusterPorts, releaseSlot } from './block.ts';
import { startControlPlane } from './cluster-servers.ts';
import type { LabCluster, LabConfig } from './config.ts';
import { layoutOf } from './layout.ts';
import { pairPaths, writeClusterPki } from './pki/cluster-pki.ts';
import type { LabOperation } from './progress.ts';
import { writeAuditPolicy } from './servers/apiserver.ts';
import { findCluster, getLab, listClusters, saveCluster } from './state.ts';

export interface CreateClusterOptions extends LabOperation {
  readonly name: string;
  readonly role: LabCluster['role'];
}

/**
 * Makes a new cluster (fresh certificates, a fresh etcd) and waits until its API server and controllers serve. Everything about it is on disk before
 * its first process starts, so any process may call this, be killed, and `lab up` goes on with the cluster. Nothing is installed in it.
 * Throws `INPUT_INVALID` for a bad name or one that a living cluster has, `LAB_SERVER_FAILED`, `LAB_NOT_RUNNING`.
 */
export async function createCluster(options: CreateClusterOptions): Promise<LabCluster> {
  const { directory, name } = options;
  const lab = await getLab(directory);
  await refuseBadName(directory, name);
  const cluster = await describeCluster(lab, options);
  await startControlPlane(lab, cluster, options);
  return cluster;
}

async function refuseBadName(directory: string, name: string): Promise<void> {
  if (!isClusterName(name)) {
    throw new DrError({
      code: 'INPUT_INVALID',
      message: `${name} is not a cluster name: 1 to 63 lower-case letters, digits and hyphens, a letter or digit at both ends`,
    });
  }
  const existing = await findCluster(directory, name);
  if (existing === undefined) return;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `the lab has a cluster ${name} already (${existing.id})`,
    suggestions: [`destroy it first: lattice-dr lab destroy ${name}`],
  });
}

async function describeCluster(lab: LabConfig, { name, role }: CreateClusterOptions): Promise<LabCluster> {
  const earlier = await listClusters(lab.directory);
  const id = `${name}-${randomBytes(2).toString('hex')}`;
  const slot = await claimSlot(lab.directory, id, earlier.at(-1)?.slot);
  const cluster = clusterOf(lab, { id, name, role, slot });
  try {
    await mkdir(cluster.disksPath, { recursive: true, mode: 0o700 });
    await writeClusterPki(cluster);
    await writeAuditPolicy(cluster);
    await saveCluster(lab, cluster);
  } catch (error) {
    await rm(cluster.directory, { recursive: true, force: true });
    await releaseSlot(lab.directory, slot);
    throw error;
  }
  const published = join(layoutOf(lab.directory).kubeconfigs, `${name}.yaml`);
  await mkdir(layoutOf(lab.directory).kubeconfigs, { recursive: true, mode: 0o700 });
  await copyFile(cluster.kubeconfigs.public, published);
  return cluster;
}

function clusterOf(lab: LabConfig, identity: Pick<LabCluster, 'id' | 'name' | 'role' | 'slot'>): LabCluster {
  const layout = layoutOf(lab.directory);
  const directory = join(layout.clusters, identity.id);
  const ports = clusterPorts(lab.block, identity.slot);
  const server = `https://127.0.0.1:${ports.apiserver}`;
  const kubeconfig = (user: string): string => join(directory, 'kubeconfigs', `${user}.yaml`);
  const ca = pairPaths({ directory }, 'ca');
  return {
    ...identity,
    createdAt: new Date().toISOString(),
    directory,
    disksPath: join(directory, 'disks'),
    ports,
    addresses: clusterAddresses(lab.block, identity.slot),
    server,
    publicServer: lab.behaviour.faultProxy ? `https://127.0.0.1:${ports.faultProxy}` : server,
    etcdUrl: `https://127.0.0.1:${ports.etcdClient}`,
    etcdToken: randomBytes(16).toString('hex'),
    kubeconfigs: {
      admin: kubeconfig('admin'),
      public: kubeconfig('public'),
      latency: kubeconfig('latency'),
      operator: kubeconfig('operator'),
      node: kubeconfig('node'),
      controllers: kubeconfig('controllers'),
    },
    pki: { caCert: ca.cert, caKey: ca.key },
    auditLogPath: join(layout.logs, `${identity.id}.audit.jsonl`),
  };
}
