import { type CpuInfo, cpus } from 'node:os';
import { join } from 'node:path';
import { labDown } from '../../src/lab/lab-down.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { volumesRestore } from '../../src/steps/volumes/restore.ts';
import type { VolumeSource } from '../../src/steps/volumes/source-schema.ts';
import { createWithVelero, type VeleroCluster } from '../integration/velero-world.ts';
import { StepBench } from '../support/step-bench.ts';
import { compare, type Figure, type Sample } from './figure.ts';
import { interleave } from './interleave.ts';
import type { Measuring } from './measuring.ts';
import { digestsOf, loseVolumes, saveVolumes } from './saved-volumes.ts';

const OURS = 'all at once';
const PEER = 'sum of each alone';
const VOLUMES = 50;
const WORKERS = 4;
/** The peer takes minutes. */
const ROUNDS = 1;
const STEP_LIMIT_MS = 30 * 60_000;
/**
 * All at once must win. By how much is the machine's affair: each volume has a data mover of Velero to itself, a process that starts, opens the repository and
 * copies, one of them keeps more than one core busy, and the figure says how busy all cores were. The agent of a node makes the movers ready one after the other
 * (Velero 1.18 pod_volume_restore_controller.go: one reconciler), so the volumes are spread over several nodes, as those of a real cluster are.
 */
const GOAL = { atMost: 1 } as const;

/**
 * Measures the restore of volumes file by file, all of them by one step against the same step for each alone, from one backup by the same Velero: claims made,
 * filled, bound and Retain, and the bytes compared afterwards. All claims are in one namespace, so both make one Velero Restore.
 */
export async function measureVolumes({ folder, signal, say }: Measuring): Promise<readonly Figure[]> {
  const operation = { directory: join(folder, 'volumes-lab'), signal };
  try {
    say('volumes: starting a cluster with Velero, and an S3 server');
    const lab = await labUp({ ...operation, only: ['s3'] });
    const world = await createWithVelero(operation, lab, { name: 'bench', accessMode: 'ReadWrite', workers: WORKERS });
    await using kube = world.kube;
    say(`volumes: making ${VOLUMES} of them and backing them up`);
    const sources = await saveVolumes(kube, VOLUMES, signal);
    const saved = await digestsOf(kube, signal);
    const busy: string[] = [];
    const measure = async (groups: readonly (readonly VolumeSource[])[]): Promise<Sample> => {
      await loseVolumes(kube, signal);
      const before = cpus();
      const seconds = await restore(world, groups, signal);
      busy.push(`${Math.round(busyShare(before, cpus()) * 100)} %`);
      const restored = await digestsOf(kube, signal);
      const wrong = [...saved].filter(([claim, digest]) => restored.get(claim) !== digest);
      if (wrong.length > 0 || saved.size !== VOLUMES) throw new Error(`of ${saved.size} volumes, ${wrong.length} do not hold what was saved`);
      return { value: seconds };
    };
    const contenders = [
      { name: OURS, measure: async () => await measure([sources]) },
      { name: PEER, measure: async () => await measure(sources.map((source) => [source])) },
    ];
    const samples = await interleave(contenders, ROUNDS, (name, { value }) => say(`volumes: ${name} ${value.toFixed(1)} s`));
    const notes = [
      `volumes: 1 MB each on ${WORKERS} nodes, one round; the peer restores them by the same step, one after the other, and each time is that of the whole step`,
      `volumes: the cores were busy ${busy.join(' and ')} of the time, in the order of the contenders`,
    ];
    return [compare({ id: `volumes-${VOLUMES}`, what: `restore ${VOLUMES} volumes`, unit: 's', ours: OURS, peer: PEER, samples, goal: GOAL, notes })];
  } finally {
    await labDown({ directory: operation.directory, signal: AbortSignal.timeout(60_000), remove: true });
  }
}

/** What share of the time between two looks the cores were busy. */
function busyShare(before: readonly CpuInfo[], after: readonly CpuInfo[]): number {
  const spent = (all: readonly CpuInfo[], of: (times: CpuInfo['times']) => number): number => all.reduce((sum, { times }) => sum + of(times), 0);
  const idle = ({ idle: ms }: CpuInfo['times']): number => ms;
  const whole = ({ user, nice, sys, irq, idle: ms }: CpuInfo['times']): number => user + nice + sys + irq + ms;
  return 1 - (spent(after, idle) - spent(before, idle)) / (spent(after, whole) - spent(before, whole));
}

/** Seconds that the step takes for the groups, one after the other, as steps of one run. */
async function restore({ cluster }: VeleroCluster, groups: readonly (readonly VolumeSource[])[], signal: AbortSignal): Promise<number> {
  await using bench = await StepBench.open({ stepLimitMs: STEP_LIMIT_MS, signal });
  const target = { kubeconfig: cluster.kubeconfigs.admin };
  const from = performance.now();
  for (const sources of groups) await bench.run(volumesRestore, 'bench', { target, backups: [], sources });
  return (performance.now() - from) / 1_000;
}
