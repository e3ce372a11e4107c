import { isDrError } from '../../../errors/dr-error.ts';
import { type Controller, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';

const MANAGER = 'lattice-restore-controller';

/**
 * LatticeRestore: creates a Velero Restore of the same name and says InProgress for ever; Completed is never written, and a create that failed is never
 * tried again (F31).
 */
export function restoreController(context: PlatformContext): Controller {
  return {
    name: 'restore',
    watches: [{ type: TYPES.LatticeRestore, keys: ownKey }],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const restore = context.caches.get(namespaced(TYPES.LatticeRestore, namespace, name));
      if (restore === undefined || !['', 'Pending'].includes(phaseOf(restore))) return undefined;
      const observedGeneration = restore.metadata.generation;
      const write = { kube: context.kube, fieldManager: MANAGER, signal };
      const spec = { backupName: restore.spec?.['backupName'], restorePVs: restore.spec?.['restoreVolumes'] !== false };
      try {
        await context.kube.create({ ...TYPES.VeleroRestore, metadata: { namespace: 'velero', name }, spec }, { fieldManager: MANAGER, signal });
      } catch (error) {
        if (!isDrError(error, 'KUBE_REFUSED', 'KUBE_CONFLICT', 'KUBE_NOT_FOUND')) throw error;
        await writeStatus(restore, { phase: 'Failed', message: error.message, observedGeneration }, write);
        return undefined;
      }
      await writeStatus(restore, { phase: 'InProgress', message: 'Velero Restore created', observedGeneration }, write);
      return undefined;
    },
  };
}
