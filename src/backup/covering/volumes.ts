import type { BackupSetup, VolumeSetup } from '../../model/backup-setup.ts';
import { about, type CoverageFinding } from './finding.ts';
import type { ResolvedSchedule } from './schedules.ts';
import { takesNamespace, takesResource } from './template.ts';

/** How a schedule brings the data of a volume back, or why it does not. */
type Way = 'snapshot' | 'files' | 'not-copied' | 'not-mounted' | 'omitted';

/** Best first: one good way is enough. */
const WAYS: readonly Way[] = ['snapshot', 'files', 'not-copied', 'not-mounted', 'omitted'];

/** Whether a schedule saves the data of a volume. */
export function savesVolume(volume: VolumeSetup, { schedule, stopped }: ResolvedSchedule, setup: BackupSetup): boolean {
  return stopped.length === 0 && ['snapshot', 'files'].includes(wayOf(volume, schedule.template, setup));
}

/** Volumes whose data no running schedule saves, each with the nearest miss. */
export function volumeFindings(setup: BackupSetup, schedules: readonly ResolvedSchedule[]): readonly CoverageFinding[] {
  const running = schedules.filter(({ stopped }) => stopped.length === 0);
  return setup.volumes.flatMap((volume) => {
    const ways = running.map(({ schedule }) => ({ schedule, way: wayOf(volume, schedule.template, setup) }));
    const best = ways.toSorted((a, b) => WAYS.indexOf(a.way) - WAYS.indexOf(b.way))[0];
    return best?.way === 'snapshot' || best?.way === 'files' ? [] : [lost(volume, { way: best?.way ?? 'omitted', by: best?.schedule.object, setup })];
  });
}

/** A service's selector matches its pods and not its claims: those come in through the pod that mounts them (F27 of the lab's facts: `service_backup_controller.rs`). */
function wayOf(volume: VolumeSetup, template: ResolvedSchedule['schedule']['template'], { around }: BackupSetup): Way {
  if (!takesNamespace(template, volume.namespace) || !takesResource(template, 'persistentvolumeclaims')) return 'omitted';
  if (template.selects !== undefined && template.selects !== volume.service) return 'omitted';
  const isMounted = volume.replicas !== 0;
  if (template.selects !== undefined && !isMounted) return 'not-mounted';
  if (template.snapshotVolumes !== false && around.snapshotLocations.length > 0 && takesResource(template, 'persistentvolumes')) return 'snapshot';
  if (!volume.isOptedIn && !(template.defaultVolumesToFsBackup ?? around.fsBackupByDefault)) return 'not-copied';
  return isMounted && takesResource(template, 'pods') ? 'files' : 'not-mounted';
}

interface Loss {
  readonly way: Way;
  /** The schedule that comes nearest. */
  readonly by: string | undefined;
  readonly setup: BackupSetup;
}

function lost(volume: VolumeSetup, { way, by, setup }: Loss): CoverageFinding {
  const gone = setup.around.disksOutlive
    ? 'after a loss of the disk there is no copy; the claim comes back empty and the restore says Completed'
    : 'its disk is in the cluster’s own machines and goes with them; the claim comes back empty and the restore says Completed';
  const claim = `claim ${volume.claim}`;
  if (way === 'not-mounted') {
    return about(volume, {
      code: 'volume-at-zero-replicas',
      severity: 'loss',
      message: `${claim} is mounted by no pod (0 replicas), and ${by ?? 'the schedule'} finds it only through a pod`,
      consequence: gone,
      fix: 'save the namespace by a LatticeClusterBackup without flags in its scope, and have a VolumeSnapshotLocation; or run one replica during backups',
    });
  }
  if (way === 'not-copied') {
    return about(volume, {
      code: 'volume-not-copied',
      severity: 'loss',
      message: `${claim} is named in backups of ${by ?? 'a schedule'} and its data is not: no VolumeSnapshotLocation, and nothing asks for its files`,
      consequence: `the backup is Completed all the same; ${gone}`,
      fix: 'set spec.backup.volumes { defaultPolicy: opt-in, include: [VOLUME] } of its service, or make a VolumeSnapshotLocation and name it in the plan',
    });
  }
  return about(volume, {
    code: 'volume-omitted',
    severity: 'loss',
    message: `${claim} is in no schedule that runs`,
    consequence: gone,
    fix: 'add spec.backup to its service, or a LatticeClusterBackup that lists its namespace and sets neither controlPlane nor gpuPaasResources',
  });
}
