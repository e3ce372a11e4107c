import type { Clock } from '../../ports/clock.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { Random } from '../../ports/random.ts';
import type { LabCluster, LabConfig } from '../config.ts';
import type { Caches } from '../reconcile/caches.ts';
import type { PlatformFaults } from './faults.ts';

/** What every controller of the platform stand-in works with. */
export interface PlatformContext {
  readonly lab: LabConfig;
  /** The cluster this operator runs on. */
  readonly cluster: LabCluster;
  readonly kube: KubeCluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: PlatformFaults;
  readonly log: (line: string) => void;
}

/** Time in the form of Kubernetes' own. */
export function timestamp(clock: Clock): string {
  return new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Namespace of the platform's own objects. */
export const LATTICE_SYSTEM = 'lattice-system';
/** Namespace of the originals that the built-in SecretProvider reads (F34). */
export const LATTICE_SECRETS = 'lattice-secrets';
/** Namespace of a cluster's Cluster API objects. */
export function capiNamespace(cluster: string): string {
  return `capi-${cluster}`;
}
