import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import { ensureBinaries } from '../../src/lab/binaries/ensure.ts';
import type { LabCluster } from '../../src/lab/config.ts';
import { setLatency } from '../../src/lab/faults/api-faults.ts';
import { labDown } from '../../src/lab/lab-down.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { pairPaths } from '../../src/lab/pki/cluster-pki.ts';
import { installCrds, readCrds } from '../../src/lab/platform/install/crds.ts';
import type { LabOperation } from '../../src/lab/progress.ts';
import { getCluster } from '../../src/lab/state.ts';
import { findRecord } from '../../src/lab/supervise/record.ts';
import { stopServer } from '../../src/lab/supervise/stop-server.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { cpuSecondsOf, runChild } from './child.ts';
import { BENCH_NAMESPACE } from './service-files.ts';

const SERVICES = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService' };
/** Where kube-apiserver keeps them in etcd. */
const SERVICES_PREFIX = '/registry/lattice.dev/latticeservices/';
/** An API server goes on computing schemas for a while after it says that it is ready and after each definition. */
const SETTLE_MS = 10_000;
/** Servers count as idle once they used less than this part of a core over this span; what a contender leaves them to do is not the next one's cost. */
const IDLE = { spanMs: 250, coreShare: 0.08, mostMs: 10_000 } as const;

/** A real API server and etcd with the platform's definitions, without controllers, webhooks and objects. */
export interface BenchCluster extends AsyncDisposable {
  readonly kubeconfig: string;
  /** The same server at a distance. */
  readonly farKubeconfig: string;
  /** Adds to each round trip over `farKubeconfig`. */
  setRoundTrip(ms: number): Promise<void>;
  /** Takes all services away, so that the next measurement creates them again, and waits until the servers have nothing left to do. */
  empty(): Promise<void>;
  /** Processor time that API server and etcd have used, in seconds. */
  cpuSeconds(): number;
  /** Confines API server and etcd to cores, written as `taskset -c` takes them. */
  confine(cores: string): Promise<void>;
}

/** Starts it in a directory of its own; disposing stops it and removes the directory. */
export async function startBenchCluster(operation: LabOperation): Promise<BenchCluster> {
  const { directory, signal } = operation;
  const lab = await labUp({ ...operation, only: ['parent'], behaviour: { faultProxy: true } });
  const cluster = await getCluster(directory, lab.parent);
  // Its garbage collector and the like would watch every object: a load that a restore has too, but not a part of the limit that is compared with.
  await stopServer({ directory, id: `${cluster.id}.controllers` });
  const { etcdctl } = await ensureBinaries({ names: ['etcdctl'], signal });
  const kube = await openCluster({ kubeconfigPath: cluster.kubeconfigs.admin }, { clock: systemClock, env: {} });
  await installCrds(await readCrds('current'), { kube, clock: systemClock }, signal);
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: BENCH_NAMESPACE } }, { fieldManager: 'bench', signal });
  await sleep(SETTLE_MS, undefined, { signal });
  const pids = await Promise.all(['etcd', 'apiserver'].map(async (name) => (await findRecord(directory, `${cluster.id}.${name}`))?.pid ?? 0));
  return {
    kubeconfig: cluster.kubeconfigs.admin,
    farKubeconfig: cluster.kubeconfigs.latency,
    setRoundTrip: async (ms) => void (await setLatency({ ...operation, cluster: cluster.id, delayMs: ms / 2 })),
    empty: async () => {
      await removeServices({ cluster, kube, etcdctl, signal });
      await untilIdle(pids, signal);
    },
    cpuSeconds: () => cpuSecondsOf(pids),
    confine: async (cores) => {
      for (const pid of pids) await runChild({ file: 'taskset', args: ['-a', '-c', '-p', cores, String(pid)], signal });
    },
    [Symbol.asyncDispose]: async () => {
      await kube[Symbol.asyncDispose]();
      await labDown({ directory, signal: AbortSignal.timeout(60_000), remove: true });
    },
  };
}

interface Removal {
  readonly cluster: LabCluster;
  readonly kube: KubeCluster;
  readonly etcdctl: string;
  readonly signal: AbortSignal;
}

/** Deletes them in etcd at once: 5,000 deletes through the API take half a minute, and the API server's cache follows its watch either way. */
async function removeServices({ cluster, kube, etcdctl, signal }: Removal): Promise<void> {
  const { cert, key } = pairPaths(cluster, 'etcd');
  const access = [`--endpoints=${cluster.etcdUrl}`, `--cacert=${cluster.pki.caCert}`, `--cert=${cert}`, `--key=${key}`];
  await runChild({ file: etcdctl, args: [...access, 'del', '--prefix', SERVICES_PREFIX], signal });
  while (((await kube.list(SERVICES, { signal })) ?? []).length > 0) await sleep(50, undefined, { signal });
}

async function untilIdle(pids: readonly number[], signal: AbortSignal): Promise<void> {
  const limit = performance.now() + IDLE.mostMs;
  for (let used = Number.POSITIVE_INFINITY; used > (IDLE.coreShare * IDLE.spanMs) / 1_000 && performance.now() < limit; ) {
    const before = cpuSecondsOf(pids);
    await sleep(IDLE.spanMs, undefined, { signal });
    used = cpuSecondsOf(pids) - before;
  }
}

/** Cores this process may run on, as the kernel writes them: `0-1`. */
export async function allowedCores(): Promise<string> {
  const status = await readFile(join('/proc', 'self', 'status'), 'utf8');
  return /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '';
}
