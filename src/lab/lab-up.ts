import { mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { DrError } from '../errors/dr-error.ts';
import { ensureBinaries } from './binaries/ensure.ts';
import { withLock } from './binaries/module-lock.ts';
import type { LabBinaryName } from './binaries/versions.ts';
import { claimBlock, sharedPorts } from './block.ts';
import { restartServices, startControlPlane, startNode, startPlatform } from './cluster-servers.ts';
import { DEFAULT_BEHAVIOUR, type LabBehaviour, type LabCluster, type LabConfig } from './config.ts';
import { createCluster } from './create-cluster.ts';
import { writeJsonFile } from './json-file.ts';
import { layoutOf } from './layout.ts';
import { releaseLostSlots } from './lost-slots.ts';
import { bringMachinesUp, type MachineOptions } from './nodes/lab-machines.ts';
import type { LabOperation } from './progress.ts';
import { describeDns, dnsSpec, prepareDns } from './servers/dns.ts';
import { s3ProxySpec } from './servers/fault-proxy.ts';
import { describeS3, ensureBuckets, prepareS3, s3Spec } from './servers/s3.ts';
import { findCluster, findLab, listClusters } from './state.ts';
import { startServer } from './supervise/start-server.ts';
import { sweepOrphans } from './supervise/sweep.ts';
import { together } from './together.ts';

/** What `--only` chooses from. `platform` and `node` are the parent's; `workloads` is every other living cluster with all that runs on it;
 * `machines` are the control-plane machines, if there are any or are asked for. */
export const LAB_PARTS = ['s3', 'dns', 'parent', 'platform', 'node', 'workloads', 'machines'] as const;
export type LabPart = (typeof LAB_PARTS)[number];

const PARENT_NAME = 'management';

export interface LabUpOptions extends LabOperation {
  /** All parts by default. `platform` and `node` need `parent` to run. */
  readonly only?: readonly LabPart[];
  /** For a new lab; one that exists keeps what it has. */
  readonly behaviour?: Partial<LabBehaviour>;
  /** For a lab without control-plane machines: makes some. */
  readonly machines?: MachineOptions;
}

/**
 * Brings a lab up, or up again: makes it if the directory has none, adopts every server that lives, restarts those that are wanted and dead, ends what a
 * killed command left behind. Servers outlive the caller. Throws `LAB_SERVER_FAILED`, `PROCESS_NOT_FOUND` (BIND), the codes of `ensureBinaries`;
 * rejects with the signal's reason, leaving what runs for the next call.
 */
export async function labUp(options: LabUpOptions): Promise<LabConfig> {
  const { directory, only = LAB_PARTS, onProgress } = options;
  refuseOtherSystems();
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return await withLabLock(options, async () => {
    const swept = await sweepOrphans(directory);
    if (swept > 0) onProgress?.({ part: 'orphans', state: 'stopped', note: `${swept} processes of an earlier command ended` });
    await releaseLostSlots(directory, Date.now());
    await provideBinaries(only, options);
    // After the builds: ports that were free before them may have been taken meanwhile, by a lab of another user.
    const lab = (await findLab(directory)) ?? (await createLab(options));
    const has = (part: LabPart): boolean => only.includes(part);
    await together(options.signal, [
      async (signal) => (has('s3') ? await startS3(lab, { ...options, signal }) : undefined),
      async (signal) => (has('dns') ? await startDns(lab, { ...options, signal }) : undefined),
      async (signal) => await startParent(lab, only, { ...options, signal }),
      async (signal) => (has('workloads') ? await startWorkloads(lab, { ...options, signal }) : undefined),
      async (signal) => (has('machines') ? await bringMachinesUp({ ...options, signal }, options.machines) : undefined),
    ]);
    return lab;
  });
}

/** Runs work while no other command changes the lab as a whole. */
export async function withLabLock<T>({ directory, signal, onProgress }: LabOperation, work: () => Promise<T>): Promise<T> {
  let told = false;
  const onWait = (pid: number): void => {
    if (!told) onProgress?.({ part: 'lab', state: 'preparing', note: `waiting for another lab command (pid ${pid})` });
    told = true;
  };
  return await withLock({ path: layoutOf(directory).lock, signal, onWait }, work);
}

function refuseOtherSystems(): void {
  if (process.platform === 'linux') return;
  throw new DrError({
    code: 'LAB_NOT_RUNNING',
    message: `a lab needs Linux (it tells its processes apart by /proc and gives each pod a loopback address); this is ${process.platform}`,
    suggestions: ['run it in a Linux virtual machine'],
  });
}

async function createLab({ directory, behaviour }: LabUpOptions): Promise<LabConfig> {
  const block = await claimBlock(directory, process.env);
  const ports = sharedPorts(block);
  const whole = { ...DEFAULT_BEHAVIOUR, ...behaviour };
  const lab: LabConfig = {
    formatVersion: 1,
    name: basename(directory),
    directory,
    block,
    parent: PARENT_NAME,
    s3: describeS3(directory, ports, whole.faultProxy),
    dns: describeDns(directory, ports),
    behaviour: whole,
  };
  await writeJsonFile(layoutOf(directory).config, lab);
  return lab;
}

/** Builds or finds everything first: a build takes minutes and must not happen while servers wait for one another. */
async function provideBinaries(only: readonly LabPart[], { signal, onProgress }: LabUpOptions): Promise<void> {
  const names: LabBinaryName[] = [];
  if (only.includes('s3')) names.push('versitygw');
  if (only.includes('parent') || only.includes('workloads')) names.push('etcd', 'kube-apiserver', 'kube-controller-manager');
  if (only.includes('platform') || only.includes('workloads')) names.push('velero', 'velero-restore-helper', 'velero-plugin-for-aws', 'volume-snapshotter');
  await ensureBinaries({
    names,
    signal,
    onProgress: ({ binary, phase, line }) => onProgress?.({ part: binary, state: 'preparing', note: line === undefined ? phase : `${phase}: ${line}` }),
  });
}

async function startS3(lab: LabConfig, operation: LabOperation): Promise<void> {
  const { versitygw } = await ensureBinaries({ names: ['versitygw'], signal: operation.signal });
  await prepareS3(lab.directory);
  await startServer(await s3Spec(lab, versitygw), operation);
  if (lab.s3.proxy !== undefined) await startServer(s3ProxySpec(lab, lab.s3.proxy.control), operation);
  await ensureBuckets(lab, operation.signal);
}

async function startDns(lab: LabConfig, operation: LabOperation): Promise<void> {
  await prepareDns(lab);
  await startServer(await dnsSpec(lab), operation);
}

async function startParent(lab: LabConfig, only: readonly LabPart[], operation: LabOperation): Promise<void> {
  if (!only.includes('parent')) return;
  const existing = await findCluster(lab.directory, lab.parent);
  const cluster = existing ?? (await createCluster({ ...operation, name: lab.parent, role: 'parent' }));
  if (existing !== undefined) await startControlPlane(lab, cluster, operation);
  await together(operation.signal, [
    async (signal) => (only.includes('platform') ? await startPlatform({ ...operation, signal, cluster: cluster.id }) : undefined),
    async (signal) => (only.includes('node') ? await startNode({ ...operation, signal, cluster: cluster.id }) : undefined),
  ]);
  await restartServices(cluster, operation);
}

async function startWorkloads(lab: LabConfig, operation: LabOperation): Promise<void> {
  const clusters = (await listClusters(lab.directory)).filter((cluster) => cluster.role === 'workload' && cluster.destroyedAt === undefined);
  await together(
    operation.signal,
    clusters.map((cluster) => async (signal) => await restartCluster(lab, cluster, { ...operation, signal })),
  );
}

async function restartCluster(lab: LabConfig, cluster: LabCluster, operation: LabOperation): Promise<void> {
  await startControlPlane(lab, cluster, operation);
  await restartServices(cluster, operation);
}
