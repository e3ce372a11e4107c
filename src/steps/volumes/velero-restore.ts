import { VELERO_API, VELERO_NAMESPACE } from '../../backup/location.ts';
import { digestOf } from '../../model/digest.ts';
import type { RunId } from '../../model/ids.ts';
import type { KubeObject } from '../../model/kube-object.ts';

/** Velero phases in which a Restore will not change any more. `FinalizingPartiallyFailed` is not one of them. */
const TERMINAL: ReadonlySet<string> = new Set(['Completed', 'PartiallyFailed', 'Failed', 'FailedValidation']);

export const RESTORE_TYPE = { apiVersion: VELERO_API, kind: 'Restore' } as const;

/** Label that ties a Restore to the run that asked for it. */
export const RUN_LABEL = 'dr.lattice.dev/run';

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

/** Restores volumes and nothing else: specs come from git, in order, where they can be reviewed. */
export function volumeRestore(run: RunId, backup: string, name: string): KubeObject {
  return {
    ...RESTORE_TYPE,
    metadata: { name, namespace: VELERO_NAMESPACE, labels: { [RUN_LABEL]: run } },
    spec: { backupName: backup, includedResources: ['persistentvolumeclaims', 'persistentvolumes'], restorePVs: true },
  };
}
