import type { KubeObject } from '../model/kube-object.ts';
import { declaredResources, workloadParts } from './profiles/workload.ts';

/** Claims of a platform workload in its own namespace. */
export interface WorkloadClaims {
  /** Those that the platform makes for it: of each volume with a size `vol-<id>`, without an id `<workload>-<key>` (lattice-crd/src/crd/workload/resources.rs). */
  readonly owned: readonly string[];
  /** All that it mounts, those of others too. */
  readonly mounted: readonly string[];
}

/** Names of the claims that a LatticeService, job, model or package owns and mounts. */
export function claimsOf(workload: KubeObject): WorkloadClaims {
  const { name, namespace = '' } = workload.metadata;
  const volumes = workloadParts(workload)
    .flatMap((part) => declaredResources(part, namespace))
    .filter(({ type }) => type === 'volume')
    .map(({ id, key, params }) => ({ claim: id === undefined ? `${name}-${key}` : `vol-${id}`, isOwned: params['size'] !== undefined }));
  return { owned: volumes.filter(({ isOwned }) => isOwned).map(({ claim }) => claim), mounted: volumes.map(({ claim }) => claim) };
}
