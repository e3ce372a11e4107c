import type { BackupSetup, CountedObjects } from '../../model/backup-setup.ts';
import { about, type CoverageFinding } from './finding.ts';
import type { ResolvedSchedule } from './schedules.ts';
import { takes, takesClusterScoped, takesNamespace } from './template.ts';

/** Resources that the platform's lists name and that exist nowhere (`lattice-backup/src/velero.rs`). */
const NOT_THERE = ['latticeexternalservices', 'latticeservicepolicies', 'gpupools', 'inferenceendpoints', 'modelcaches', 'gputenantquotas'];

/** Setups that no schedule takes objects of a resource from, or in part only. */
interface Missed extends CountedObjects {
  readonly missed: number;
}

/** What the schedules that run leave out of the platform's objects, the Secrets and the Cluster API objects; and what they only seem to take. */
export function scopeFindings(setup: BackupSetup, schedules: readonly ResolvedSchedule[]): readonly CoverageFinding[] {
  const running = schedules.filter(({ stopped }) => stopped.length === 0);
  return [...noSchedule(setup, schedules), ...schedules.flatMap((resolved) => [...seeming(resolved), ...clusterScoped(resolved)]), ...omitted(setup, running)];
}

function noSchedule({ around }: BackupSetup, schedules: readonly ResolvedSchedule[]): readonly CoverageFinding[] {
  const what = { object: 'all of the cluster' };
  if (!around.veleroEnabled) {
    return [
      about(what, {
        code: 'velero-not-installed',
        severity: 'loss',
        message: 'spec.backups.enabled of its LatticeCluster is false',
        consequence: 'Velero is not installed, so no schedule ever runs; stores and backups stay Pending',
        fix: 'set spec.backups.enabled to true',
      }),
    ];
  }
  if (schedules.some(({ stopped }) => stopped.length === 0)) return [];
  return [
    about(what, {
      code: 'no-schedule',
      severity: 'loss',
      message: schedules.length === 0 ? 'there is no schedule of backups' : 'no schedule of backups runs',
      consequence: 'nothing comes back but what is in git',
      fix: 'add a LatticeClusterBackup',
    }),
  ];
}

/** Kinds that are listed and exist nowhere. */
function seeming({ schedule }: ResolvedSchedule): readonly CoverageFinding[] {
  const listed = (schedule.template.includedResources ?? []).map((name) => name.split('.')[0] ?? '').filter((name) => NOT_THERE.includes(name));
  if (listed.length === 0) return [];
  return [
    about(schedule, {
      code: 'kinds-not-there',
      severity: 'note',
      message: `its scope stands for ${listed.join(', ')}, which do not exist`,
      consequence: schedule.scope.gpuPaasResources
        ? 'gpuPaasResources saves nothing at all; together with its list of kinds it even keeps all others out'
        : 'nothing is lost by it, and nothing is saved by it',
      fix: schedule.scope.gpuPaasResources
        ? 'leave gpuPaasResources out; models, jobs and quotas come with a scope without flags'
        : 'do not count on these kinds in a restore',
    }),
  ];
}

/** With namespaces listed, Velero leaves out what has none, and the platform's own objects unless their namespace is among them. */
function clusterScoped({ schedule }: ResolvedSchedule): readonly CoverageFinding[] {
  const { template, scope } = schedule;
  if (!scope.controlPlane || (takesClusterScoped(template) && takesNamespace(template, 'lattice-system'))) return [];
  const system = takesNamespace(template, 'lattice-system') ? '' : ', nor anything in lattice-system';
  return [
    about(schedule, {
      code: 'cluster-scoped-omitted',
      severity: 'loss',
      message: `controlPlane beside a list of namespaces (${(template.includedNamespaces ?? []).join(', ')})`,
      consequence: `LatticeClusters, which have no namespace, are not saved${system}: of the control plane only services in the listed namespaces are`,
      fix: 'take the namespaces out of this one and save them by a second LatticeClusterBackup',
    }),
  ];
}

function omitted(setup: BackupSetup, running: readonly ResolvedSchedule[]): readonly CoverageFinding[] {
  const missed = setup.objects.flatMap((counted): readonly Missed[] => {
    const isTaken = running.some(({ schedule }) => takes(schedule.template, counted));
    return isTaken ? [] : [{ ...counted, missed: counted.count }];
  });
  const isCapi = ({ resource }: Missed): boolean => resource.endsWith('cluster.x-k8s.io');
  const isSecret = ({ resource }: Missed): boolean => resource === 'secrets';
  return [
    ...kindsOmitted(
      missed.filter((one) => !isCapi(one) && !isSecret(one)),
      setup,
    ),
    ...secretsOmitted(setup, running, missed.filter(isSecret)),
    ...capiOmitted(setup, missed.filter(isCapi)),
  ];
}

function kindsOmitted(missed: readonly Missed[], { around }: BackupSetup): readonly CoverageFinding[] {
  return [...Map.groupBy(missed, ({ kind }) => kind)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, ones]) => {
      const places = [...new Set(ones.map(({ namespace }) => namespace ?? 'no namespace'))].sort();
      return about(
        { object: kind },
        {
          code: 'kinds-omitted',
          severity: 'note',
          message: `${ones.reduce((sum, one) => sum + one.missed, 0)} of them (${places.join(', ')}) are in no schedule that runs`,
          consequence: around.isLive ? 'those that are not in git are lost' : 'they come back from git, and only from there',
          fix: 'keep every one of them in git; or save its namespace by a LatticeClusterBackup without flags in its scope',
        },
      );
    });
}

/** Secrets are in none of the lists of kinds; those of `lattice-secrets` are originals (`lattice-secret-provider/src/webhook.rs`). */
function secretsOmitted({ around }: BackupSetup, running: readonly ResolvedSchedule[], missed: readonly Missed[]): readonly CoverageFinding[] {
  const areTaken = running.some(({ schedule }) => takes(schedule.template, { resource: 'secrets', namespace: 'lattice-secrets' }));
  if (areTaken && missed.length === 0) return [];
  const where = missed.length === 0 ? 'lattice-secrets and lattice-system' : [...new Set(missed.map(({ namespace }) => namespace ?? ''))].sort().join(', ');
  const hasSource = around.secretSources > 0;
  return [
    about(
      { object: 'Secret' },
      {
        code: 'secrets-omitted',
        severity: hasSource ? 'note' : 'loss',
        message: `Secrets of ${where} are in no schedule that runs`,
        consequence: hasSource
          ? 'they come back from the sources of the plan, and only from there'
          : 'originals are lost: credentials that services read, the root CA that children trust, the credentials of the backups themselves',
        fix: hasSource
          ? 'keep the sources under spec.secrets complete: the rebuild stops before it starts while a required one is missing'
          : 'keep the originals encrypted outside of the cluster and name them under spec.secrets of the plan',
      },
    ),
  ];
}

/** No list of kinds has them; and restored by Velero they would make machines a second time (cluster-api `docs/book`, "owner references"). */
function capiOmitted({ around }: BackupSetup, missed: readonly Missed[]): readonly CoverageFinding[] {
  if (around.isLive && missed.length === 0) return [];
  const count = missed.reduce((sum, one) => sum + one.missed, 0);
  return [
    about(
      { object: 'Cluster API objects' },
      {
        code: 'capi-omitted',
        severity: 'note',
        message: `${count === 0 ? 'they' : `${count} of them`} are not in git, and no restore of Velero brings them back as they were: without owners, not paused`,
        consequence: 'machines that live on cannot be adopted again, and those of the lost cluster cannot be cleaned up by the platform',
        fix: 'lattice-dr capi export, from a schedule of your own',
      },
    ),
  ];
}
