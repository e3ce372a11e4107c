import { createHash } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { JsonObject } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { LabCluster, LabConfig } from '../config.ts';
import { layoutOf } from '../layout.ts';
import { INGRESS_PORT } from '../node/addresses.ts';
import { labProgram } from '../servers/stand-in.ts';
import { SNAPSHOT_PROVIDER, snapshotLocationConfig } from '../servers/velero.ts';
import { objectsIn, type World, type WorldFile } from './world.ts';

/** Where the seed keeps what an operator would keep outside of the cluster. */
export interface SeedPaths {
  readonly plan: string;
  readonly repository: string;
  readonly secretFile: string;
  readonly identity: string;
  readonly runs: string;
  readonly kubeconfigOut: string;
}

export interface PlanInput {
  readonly lab: LabConfig;
  readonly world: World;
  /** The instance that a fence has to switch off. */
  readonly cluster: LabCluster;
  readonly paths: SeedPaths;
}

/** Host names that the world's services are reached by from outside, sorted. */
export function ingressHosts(world: World): readonly string[] {
  const routes = objectsIn(world, 'services').flatMap((object) =>
    Object.values(((object.spec?.['ingress'] as JsonObject | undefined)?.['routes'] ?? {}) as Record<string, { hosts?: string[] }>),
  );
  return [...new Set(routes.flatMap((route) => route.hosts ?? []))].sort();
}

async function addressOf(lab: LabConfig, host: string): Promise<string> {
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([`${lab.dns.host}:${lab.dns.port}`]);
  const [address] = await resolver.resolve4(host);
  if (address === undefined) throw new Error(`no address for ${host}`);
  return address;
}

function fetchBody(address: string, host: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const request = get({ host: address, port: INGRESS_PORT, path: '/all', headers: { host }, timeout: 5_000, agent: false }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer in 5 s')));
    request.on('error', reject);
  });
}

/** True when nothing behind the answer was out of reach: what a healthy platform says once every peer is up. */
function isWhole(reply: { readonly status: number; readonly body: string }): boolean {
  return reply.status === 200 && !/"state":"(unreachable|denied)"/.test(reply.body);
}

/** Digest of what a name answers, by DNS and HTTP as a user would ask; waits until everything behind it is reachable. */
async function answerDigest(lab: LabConfig, host: string, signal: AbortSignal): Promise<string> {
  for (;;) {
    signal.throwIfAborted();
    try {
      const reply = await fetchBody(await addressOf(lab, host), host);
      if (isWhole(reply)) return `sha256:${createHash('sha256').update(reply.body).digest('hex')}`;
    } catch {
      // Not there yet: the name, the edge or a service still comes up. The caller's signal bounds the wait.
    }
    await sleep(250, undefined, { signal });
  }
}

function fenceCommand({ lab, cluster }: PlanInput, ...extra: readonly string[]): readonly string[] {
  return [process.execPath, labProgram('fence'), lab.directory, cluster.id, ...extra];
}

async function healthProbes(lab: LabConfig, hosts: readonly string[], signal: AbortSignal): Promise<readonly JsonObject[]> {
  const resolver = { host: lab.dns.host, port: lab.dns.port };
  return Promise.all(
    hosts.map(async (host) => ({
      name: host,
      url: `http://${host}:${INGRESS_PORT}/all`,
      expect: { status: 200, bodyDigest: await answerDigest(lab, host, signal) },
      via: { resolver },
      timeout: '60s',
    })),
  );
}

function backupSection({ lab, world }: PlanInput): JsonObject {
  const named = (kind: string) => objectsIn(world, 'clusters').find((object) => object.kind === kind)?.metadata.name;
  return {
    store: named('BackupStore'),
    bucket: lab.s3.bucket,
    region: lab.s3.region,
    endpoint: lab.s3.endpoint,
    credentials: { file: lab.s3.credentialsPath },
    clusterBackup: named('LatticeClusterBackup'),
    volumeSnapshotLocation: { provider: SNAPSHOT_PROVIDER, config: snapshotLocationConfig(lab) },
  };
}

function secretsSection({ world, paths }: PlanInput): JsonObject {
  return {
    groups: ['lattice-secrets', 'velero'],
    from: { age: paths.secretFile, identity: { file: paths.identity } },
    required: objectsIn(world, 'secrets').map((secret) => `${secret.metadata.namespace ?? ''}/${secret.metadata.name}`),
  };
}

/** Databases that do not put a copy of themselves in order when they start: what has to be run on their volumes. */
function recoveries(world: World): JsonObject {
  const claims = objectsIn(world, 'services').flatMap((service) => {
    const { workload } = (service.spec ?? {}) as { readonly workload?: Workload };
    const container = Object.values(workload?.containers ?? {}).find(({ variables }) => variables?.['LAB_RECOVERY'] === 'manual');
    if (container === undefined) return [];
    const recovery = { image: container.image, command: ['lab-app', 'recover'], check: ['lab-app', 'check'], timeout: '60s' };
    return ownedClaims(service, workload?.resources ?? {}).map((pvc) => ({ pvc, recovery }));
  });
  return claims.length === 0 ? {} : { claims };
}

interface Workload {
  readonly containers?: Readonly<Record<string, { readonly image: string; readonly variables?: Readonly<Record<string, string>> }>>;
  readonly resources?: Readonly<Record<string, { readonly type: string; readonly id?: string; readonly params?: { readonly size?: string } }>>;
}

/** `namespace/name` of the claims that the platform makes for a service: `vol-<id>`, or `<service>-<key>` (lattice-workload/src/volumes.rs). */
function ownedClaims({ metadata: { namespace = '', name } }: KubeObject, resources: NonNullable<Workload['resources']>): readonly string[] {
  return Object.entries(resources).flatMap(([key, { type, id, params }]) =>
    type === 'volume' && params?.size !== undefined ? [`${namespace}/${id === undefined ? `${name}-${key}` : `vol-${id}`}`] : [],
  );
}

function clusterSection({ lab, world, cluster, paths }: PlanInput): JsonObject {
  const isManifest = (file: WorldFile) => file.path.startsWith('parent/') && file.objects.some((object) => object.kind === 'LatticeCluster');
  return {
    name: cluster.name,
    parent: { kubeconfig: { file: join(layoutOf(lab.directory).kubeconfigs, `${lab.parent}.yaml`) } },
    manifest: world.files.find(isManifest)?.path,
    kubeconfigOut: paths.kubeconfigOut,
  };
}

function dnsSection(lab: LabConfig, hosts: readonly string[]): JsonObject {
  return {
    servers: [{ name: 'lab', host: lab.dns.host, port: lab.dns.port, zone: lab.dns.zone, tsig: { file: lab.dns.tsigKeyPath } }],
    records: hosts.map((host) => ({ name: host, type: 'A', owner: 'lattice-dr', server: 'lab', maxTtl: '60s' })),
  };
}

async function planDocument(input: PlanInput, signal: AbortSignal): Promise<JsonObject> {
  const { lab, world, cluster, paths } = input;
  const hosts = ingressHosts(world);
  return {
    apiVersion: 'dr.lattice.dev/v1alpha1',
    kind: 'RecoveryPlan',
    metadata: { name: cluster.name },
    spec: {
      cluster: clusterSection(input),
      specs: { git: { repository: paths.repository, ref: 'main', paths: ['clusters', 'services'] }, profile: 'lattice' },
      secrets: [secretsSection(input)],
      backups: [backupSection(input)],
      dns: dnsSection(lab, hosts),
      volumes: { survivors: { check: [process.execPath, labProgram('disk'), lab.directory] }, ...recoveries(world) },
      objectives: { rto: '40m', rpo: '1h' },
      health: await healthProbes(lab, hosts, signal),
      fence: { command: fenceCommand(input), off: fenceCommand(input, '--check') },
      state: { folder: paths.runs },
    },
  };
}

/** Writes the plan an operator of this platform would have, with what each name answers now. */
export async function writePlan(input: PlanInput, signal: AbortSignal): Promise<void> {
  await writeFile(input.paths.plan, stringify(await planDocument(input, signal)), { mode: 0o600 });
}
