import type { Clock } from '../../ports/clock.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { LabCluster, LabConfig } from '../config.ts';
import type { Caches } from '../reconcile/caches.ts';
import type { ContainerRuns } from './containers/container-runs.ts';
import type { MachineData } from './machine-data.ts';
import type { PodRuns } from './pod-runs.ts';

/** What every controller of the node stand-in works with. */
export interface NodeContext extends ContainerContext {
  readonly containers: ContainerRuns;
}

/** What it takes to run containers. */
export interface ContainerContext {
  readonly lab: LabConfig;
  readonly cluster: LabCluster;
  readonly machines: MachineData;
  readonly kube: KubeCluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly runs: PodRuns;
  /** Why programs cannot be run as containers on this machine, if so. */
  readonly namespaceFault: string | undefined;
  readonly log: (line: string) => void;
}

/** Field manager of the node stand-in. */
export const NODE_MANAGER = 'lab-node';
