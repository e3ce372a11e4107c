import { createHash } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { readFile, writeFile } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { systemClock } from '../../adapters/clock/system-clock.ts';
import { openCluster } from '../../adapters/kube/kube-clusters.ts';
import type { LabCluster, LabConfig } from '../config.ts';
import { INGRESS_PORT } from '../node/addresses.ts';
import { pairPaths } from '../pki/cluster-pki.ts';
import { ingressHosts } from '../seed/recovery-plan.ts';
import { readWorld, type WorldName } from '../seed/world.ts';
import { getCluster, getLab } from '../state.ts';
import { listLabProcesses, type ProcessFacts } from '../supervise/proc.ts';

/**
 * What can be seen of a platform from outside, by somebody who knows nothing of runs and journals: `node witness.ts <lab directory> <world> <file>`
 * writes it. The proof of a rebuild compares the file from before the disaster with the one from after.
 */
export interface Testimony {
  readonly instance: string;
  /** etcd's own id of the cluster. */
  readonly etcdClusterId: string;
  readonly kubeSystemUid: string;
  /** With their start times: a lab uses up the numbers of a system within minutes, and then somebody else has them. */
  readonly processes: readonly Pick<ProcessFacts, 'pid' | 'startTime'>[];
  readonly answers: Readonly<Record<string, Answer>>;
  /** What each database behind the names says of its records, by workload. */
  readonly databases: Readonly<Record<string, DatabaseRecords>>;
}

/** Records of one database, as it tells them over HTTP. */
export interface DatabaseRecords {
  /** Checksum of each, in order; one entry with the reason for a volume that does not serve. */
  readonly checksums: readonly string[];
  /** After a snapshot it serves only what has been recovered by hand. */
  readonly isManual: boolean;
}

interface Answer {
  readonly address: string;
  readonly status: number;
  readonly bodySha256: string;
}

async function etcdClusterId(cluster: LabCluster): Promise<string> {
  const pair = pairPaths(cluster, 'etcd');
  const [ca, cert, key] = await Promise.all([readFile(pairPaths(cluster, 'ca').cert), readFile(pair.cert), readFile(pair.key)]);
  const body = await new Promise<string>((resolve, reject) => {
    const request = httpsRequest(`${cluster.etcdUrl}/v3/maintenance/status`, { method: 'POST', ca, cert, key, agent: false }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    });
    request.on('error', reject);
    request.end('{}');
  });
  return (JSON.parse(body) as { header: { cluster_id: string } }).header.cluster_id;
}

async function kubeSystemUid(cluster: LabCluster, signal: AbortSignal): Promise<string> {
  await using kube = await openCluster({ kubeconfigPath: cluster.kubeconfigs.admin }, { clock: systemClock, env: process.env });
  return (await kube.get({ apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' }, signal))?.metadata.uid ?? '';
}

/** Asks the lab's DNS server for a name and the address it gives for `/all`: a digest over everything, volumes included, that is behind the name. */
async function answerOf(lab: LabConfig, host: string): Promise<Answer & { readonly body: string }> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  resolver.setServers([`${lab.dns.host}:${lab.dns.port}`]);
  const [address = ''] = await resolver.resolve4(host);
  return new Promise((resolve, reject) => {
    const request = httpGet({ host: address, port: INGRESS_PORT, path: '/all', headers: { host }, agent: false, timeout: 10_000 }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('end', () => {
        const body = Buffer.concat(chunks);
        resolve({ address, status: reply.statusCode ?? 0, bodySha256: createHash('sha256').update(body).digest('hex'), body: body.toString('utf8') });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${host} (${address}) does not answer`)));
    request.on('error', reject);
  });
}

/** What the answers to `/all` say of the databases behind them; nothing of an answer that is none. */
function databasesIn(answers: readonly { readonly status: number; readonly body: string }[]): Testimony['databases'] {
  const found: Record<string, DatabaseRecords> = {};
  for (const { status, body } of answers) {
    if (status !== 200) continue;
    const { workloads } = JSON.parse(body) as { readonly workloads: Readonly<Record<string, WorkloadFacts>> };
    for (const [workload, { env, records }] of Object.entries(workloads)) {
      if (records === undefined) continue;
      const checksums = Object.values(records).flatMap((volume) => volume.checksums ?? [`it does not serve: ${volume.needsRecovery ?? ''}`]);
      found[workload] = { checksums, isManual: env?.['LAB_RECOVERY'] === 'manual' };
    }
  }
  return found;
}

interface WorkloadFacts {
  readonly env?: Readonly<Record<string, string>>;
  readonly records?: Readonly<Record<string, { readonly checksums?: readonly string[]; readonly needsRecovery?: string }>>;
}

/** Looks at a world of a lab. Rejects when its cluster or a name does not answer. */
export async function testify(directory: string, worldName: WorldName, signal: AbortSignal): Promise<Testimony> {
  const lab = await getLab(directory);
  const world = await readWorld(worldName, lab);
  const cluster = await getCluster(directory, world.cluster);
  const answers = await Promise.all(ingressHosts(world).map(async (host) => [host, await answerOf(lab, host)] as const));
  return {
    instance: cluster.id,
    etcdClusterId: await etcdClusterId(cluster),
    kubeSystemUid: await kubeSystemUid(cluster, signal),
    processes: listLabProcesses(directory)
      .filter((one) => one.cluster === cluster.id)
      .map(({ pid, startTime }) => ({ pid, startTime })),
    answers: Object.fromEntries(answers.map(([host, { body: _body, ...answer }]) => [host, answer])),
    databases: databasesIn(answers.map(([, answer]) => answer)),
  };
}

if (import.meta.main) {
  const [directory = '', world = '', file = ''] = process.argv.slice(2);
  await writeFile(file, JSON.stringify(await testify(directory, world as WorldName, AbortSignal.timeout(60_000)), null, 2));
}
