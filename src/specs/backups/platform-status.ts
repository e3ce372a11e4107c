import type { PlatformStatus, ScheduleSetup, StoreSetup } from '../../model/backup-setup.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { asText } from '../fields.ts';
import { present } from './setup-object.ts';

/** What the platform says of an object; `undefined` of one that is not on the cluster or that it has not looked at. */
function platformStatus(live: KubeObject | undefined): PlatformStatus | undefined {
  const phase = asText(live?.status?.['phase']);
  if (live === undefined || phase === undefined) return undefined;
  const observed = live.status?.['observedGeneration'];
  const isCurrent = typeof observed !== 'number' || observed >= (live.metadata.generation ?? 0);
  return { phase, message: asText(live.status?.['message']) ?? '', isCurrent };
}

/** The store with its status. */
export function withStoreStatus(store: StoreSetup, live: KubeObject | undefined): StoreSetup {
  return { ...store, ...present({ status: platformStatus(live) }) };
}

/** Name of the BackupStorageLocation of a store: the one that its status says, else the one that the platform would give it. */
export function locationNameOf(store: StoreSetup, live: KubeObject | undefined): string {
  return asText(live?.status?.['veleroBslName']) ?? `lattice-${store.name}`;
}

/** A LatticeClusterBackup with its status: the Velero Schedule that the platform made of it, and the store that it goes to. */
export function withBackupStatus(schedule: ScheduleSetup, live: KubeObject | undefined): ScheduleSetup {
  if (schedule.kind !== 'cluster') return schedule;
  const said = (key: string): string | undefined => asText(live?.status?.[key]);
  return {
    ...schedule,
    velero: said('veleroScheduleName') ?? schedule.velero,
    ...present({ status: platformStatus(live), resolvedStore: said('resolvedStore') }),
  };
}
