import { systemClock } from '../../adapters/clock/system-clock.ts';
import { openCluster } from '../../adapters/kube/kube-clusters.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { LabCluster, LabConfig, StandInConfig } from '../config.ts';
import { readJsonFile } from '../json-file.ts';
import { getCluster, getLab } from '../state.ts';

/** What a stand-in process starts from. */
export interface StandIn {
  readonly config: StandInConfig;
  readonly lab: LabConfig;
  readonly cluster: LabCluster;
  readonly kube: KubeCluster;
  /** Aborts on SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/**
 * Reads a stand-in's one argument, the path of its `StandInConfig`, and opens its cluster under the given user. Throws `USAGE` without the argument,
 * `LAB_NOT_RUNNING` when the lab or the cluster is not there (any more).
 */
export async function openStandIn(user: 'operator' | 'node'): Promise<StandIn> {
  const path = process.argv[2];
  const config = path === undefined ? undefined : await readJsonFile<StandInConfig>(path);
  if (config === undefined) {
    throw new DrError({
      code: 'USAGE',
      message: `${path ?? 'no file'} is not the config file of a stand-in`,
      suggestions: ['start the lab: lattice-dr lab up'],
    });
  }
  const lab = await getLab(config.labDirectory);
  const cluster = await getCluster(config.labDirectory, config.clusterId);
  const kube = await openCluster({ kubeconfigPath: cluster.kubeconfigs[user] }, { clock: systemClock, env: process.env });
  return { config, lab, cluster, kube, signal: terminationSignal(), log: (line) => process.stdout.write(`${new Date().toISOString()} ${line}\n`) };
}

/**
 * Runs a stand-in to its end. Returns when the signal has aborted and everything is closed; a failure is printed and sets exit code 1.
 */
export async function runStandIn(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  }
  // What is still open (a watch being cut, a child's pipe) must not keep a stand-in alive that has been told to end.
  process.exit();
}

function terminationSignal(): AbortSignal {
  const controller = new AbortController();
  const end = (): void => controller.abort(new DrError({ code: 'CANCELLED', message: 'the stand-in was told to end' }));
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  return controller.signal;
}
