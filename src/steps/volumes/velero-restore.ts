import { VELERO_API, VELERO_NAMESPACE } from '../../backup/location.ts';
import { digestOf } from '../../model/digest.ts';
import type { RunId } from '../../model/ids.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';

/** Velero phases in which a Restore will not change any more. `FinalizingPartiallyFailed` is not one of them. */
const TERMINAL: ReadonlySet<string> = new Set(['Completed', 'PartiallyFailed', 'Failed', 'FailedValidation']);

export const RESTORE_TYPE = { apiVersion: VELERO_API, kind: 'Restore' } as const;

/** Label that ties what is made for a run to it: a Restore, the volume of an old disk. */
export const RUN_LABEL = 'dr.lattice.dev/run';
/** Claims that a Restore was made for: Velero itself can be told namespaces only. */
export const CLAIMS_ANNOTATION = 'dr.lattice.dev/claims';

/** Label Velero puts on what a Restore created (Velero 1.18 pkg/apis/velero/v1/labels_annotations.go). */
export const RESTORE_NAME_LABEL = 'velero.io/restore-name';

/** Phase of a Restore; `New` until Velero has looked at it. */
export function restorePhase(restore: KubeObject): string {
  return String(restore.status?.['phase'] ?? 'New');
}

export function isTerminal(restore: KubeObject): boolean {
  return TERMINAL.has(restorePhase(restore));
}

/** Name of the n-th try (from 1) of one backup's restore by one run: the same after a resume, so that a second one is never made by accident. */
export function restoreName(run: RunId, backup: string, attempt: number): string {
  return `lattice-dr-${digestOf(`${run} ${backup}`).slice('sha256:'.length, 'sha256:'.length + 10)}-${attempt}`;
}

/** The Restores that this run has made, by name. */
export async function restoresOf(
  cluster: KubeCluster,
  { run, signal }: { readonly run: RunId; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, KubeObject>> {
  const made = (await cluster.list(RESTORE_TYPE, { namespace: VELERO_NAMESPACE, labelSelector: `${RUN_LABEL}=${run}`, signal })) ?? [];
  return new Map(made.map((restore) => [restore.metadata.name, restore]));
}

/** What a Restore is to bring back. */
export interface VolumeRestore {
  readonly run: RunId;
  readonly backup: string;
  readonly name: string;
  /** `namespace/name` of each claim. */
  readonly claims: readonly string[];
}

/**
 * Restores volumes and nothing else: specs come from git, in order, where they can be reviewed. Velero is told the namespaces of the claims; what is there already
 * it leaves alone, so a later try brings back exactly the claims that are not.
 */
export function volumeRestore({ run, backup, name, claims }: VolumeRestore): KubeObject {
  const namespaces = [...new Set(claims.map((claim) => claim.split('/')[0] ?? ''))].sort();
  return {
    ...RESTORE_TYPE,
    metadata: { name, namespace: VELERO_NAMESPACE, labels: { [RUN_LABEL]: run }, annotations: { [CLAIMS_ANNOTATION]: claims.join(',') } },
    spec: {
      backupName: backup,
      includedNamespaces: namespaces,
      includedResources: ['persistentvolumeclaims', 'persistentvolumes'],
      restorePVs: true,
    },
  };
}
