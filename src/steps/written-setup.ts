import type { BackupSetup } from '../model/backup-setup.ts';
import type { PlanBackup } from '../model/plan/backups.ts';
import type { PlanSecrets } from '../model/plan/secrets.ts';
import { readBackupSetup, writtenSurroundings } from '../specs/backups/read-setup.ts';
import type { SetupObject } from '../specs/backups/setup-object.ts';
import type { ManifestObject } from '../specs/manifest.ts';

/** What of a plan a setup depends on. */
export interface SetupPlan {
  readonly cluster: { readonly name: string };
  readonly backups: readonly PlanBackup[];
  readonly secrets: readonly PlanSecrets[];
  readonly objectives: { readonly rpo: number };
}

/** An object of the specs, with its place. */
export function setupObject({ object, source }: ManifestObject): SetupObject {
  return { object, at: `${source.file}:${source.line}` };
}

/** How backups are set up, by specs and plan alone: nothing of it was seen on a cluster. */
export function writtenBackupSetup(manifests: readonly ManifestObject[], plan: SetupPlan): BackupSetup {
  const objects = manifests.map(setupObject);
  const written = writtenSurroundings(objects, plan.cluster.name);
  const { backups, secrets, objectives } = plan;
  const located = backups.filter(({ volumeSnapshotLocation }) => volumeSnapshotLocation !== undefined).map(({ store }) => `of ${store}`);
  return {
    ...readBackupSetup(objects),
    around: {
      ...written,
      isLive: false,
      plugins: [],
      fsBackupByDefault: false,
      snapshotLocations: [...written.snapshotLocations, ...located],
      secrets: [...written.secrets, ...secrets.flatMap(({ required = [] }) => required)],
      secretSources: secrets.length,
      otherStores: [],
      rpoMs: objectives.rpo,
    },
  };
}
