import { type Controller, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { storeFor } from '../backup-stores.ts';
import type { PlatformContext } from '../context.ts';
import { workloadLabels } from '../service/pod-template.ts';
import { workloadOfService } from '../service/spec.ts';

const MANAGER = 'lattice-service-backup-controller';

/**
 * `spec.backup` of a LatticeService: the Velero Schedule `lattice-svc-<namespace>-<name>`. What is wrong with it is a log line and no status; the schedule
 * outlives the service and the field (F27, F30).
 */
export function serviceBackupController(context: PlatformContext): Controller {
  return {
    name: 'service-backup',
    watches: [
      { type: TYPES.LatticeService, keys: ownKey },
      { type: TYPES.BackupStore, keys: () => [] },
    ],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const service = context.caches.get(namespaced(TYPES.LatticeService, namespace, name));
      const backup = service === undefined ? undefined : workloadOfService(service).spec.backup;
      if (backup === undefined || backup === null || typeof backup.schedule !== 'string') return undefined;
      const store = storeFor(backup.storeRef ?? undefined, namespace, context.caches);
      const fault = scheduleFault(backup.schedule) ?? (store.name === undefined ? store.fault : undefined);
      if (fault !== undefined) throw new TypeError(fault);
      if ((await context.kube.resource(TYPES.VeleroSchedule, signal)) === undefined) return context.lab.behaviour.retryIntervalMs;
      const template = {
        includedNamespaces: [namespace],
        labelSelector: { matchLabels: workloadLabels(name) },
        storageLocation: `lattice-${store.name}`,
        ...(typeof backup.retention?.ttl === 'string' ? { ttl: backup.retention.ttl } : {}),
      };
      const schedule = {
        ...TYPES.VeleroSchedule,
        metadata: { namespace: 'velero', name: `lattice-svc-${namespace}-${name}` },
        spec: { schedule: backup.schedule, template },
      };
      await context.kube.apply(schedule, { fieldManager: MANAGER, force: true, signal });
      return undefined;
    },
  };
}

/** Five fields, and not more often than hourly: the minute must be one number (upstream `validate_cron_minimum_interval`). */
export function scheduleFault(cron: string): string | undefined {
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== 5) return `schedule '${cron}' must have 5 fields`;
  return /^\d+$/.test(fields[0] ?? '') ? undefined : `schedule '${cron}' runs more often than hourly`;
}
