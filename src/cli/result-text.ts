import type { KubeObject } from '../model/kube-object.ts';
import type { BackupCoverage } from '../operations/backup-coverage.ts';
import type { BackupList } from '../operations/backup-list.ts';
import type { SealedBackup } from '../operations/backup-seal.ts';
import type { TakenBackup } from '../operations/backup-take.ts';
import type { BackupDetails } from '../operations/backup-verify.ts';
import type { TakenBaseline } from '../operations/baseline.ts';
import type { ExportedCapi } from '../operations/capi-export.ts';
import type { ClusterStatus } from '../operations/cluster-status.ts';
import type { DiagnosedControlPlane } from '../operations/diagnose.ts';
import type { DriftResult } from '../operations/drift.ts';
import type { GuardStatus } from '../operations/guard.ts';
import type { HoldList } from '../operations/holds.ts';
import type { DraftedPlan } from '../operations/init.ts';
import type { RunbookList } from '../operations/list-runbooks.ts';
import type { RunList } from '../operations/list-runs.ts';
import type { SnapshotList } from '../operations/list-snapshots.ts';
import type { DeletedBackup } from '../operations/mosk-delete.ts';
import type { TakenMoskBackup } from '../operations/mosk-take.ts';
import type { RunPlan } from '../operations/plan-run.ts';
import type { ReleaseResult } from '../operations/release.ts';
import type { Rke2RestorePlan } from '../operations/rke2-restore.ts';
import type { RunReport } from '../operations/run-report.ts';
import type { RunStatus } from '../operations/run-status.ts';
import type { SealedSnapshotFile } from '../operations/seal-snapshot.ts';
import type { ShownRunbook } from '../operations/show-runbook.ts';
import type { ValidResult } from '../operations/validate.ts';
import type { ValidRunbook } from '../operations/validate-runbook.ts';
import type { VerifiedSnapshot } from '../operations/verify-snapshot.ts';
import type { WrittenPlan } from '../report/init-view.ts';

/** Results of operations as text for people. Renderers are loaded when they are used, so that help stays fast. */
export const resultText = {
  async plan(plan: RunPlan): Promise<string> {
    return (await import('../report/plan-view.ts')).planView(plan);
  },
  async runs(list: RunList): Promise<string> {
    return (await import('../report/status-view.ts')).runListView(list);
  },
  async status(status: RunStatus): Promise<string> {
    return (await import('../report/status-view.ts')).runStatusView(status);
  },
  async init(drafted: DraftedPlan, written: WrittenPlan): Promise<string> {
    return (await import('../report/init-view.ts')).initView(drafted, written);
  },
  async taken(taken: TakenBackup<SealedBackup>): Promise<string> {
    return (await import('../report/taken-view.ts')).takenView(taken);
  },
  async takenMosk(taken: TakenMoskBackup): Promise<string> {
    return (await import('../report/taken-view.ts')).takenMoskView(taken);
  },
  async deleted(deleted: DeletedBackup): Promise<string> {
    return (await import('../report/taken-view.ts')).deletedView(deleted);
  },
  async capi(exported: ExportedCapi): Promise<string> {
    return (await import('../report/capi-view.ts')).capiView(exported);
  },
  async coverage(coverage: BackupCoverage): Promise<string> {
    return (await import('../report/coverage-view.ts')).coverageView(coverage);
  },
  async baseline(taken: TakenBaseline): Promise<string> {
    return (await import('../report/baseline-view.ts')).baselineView(taken);
  },
  async drift(result: DriftResult): Promise<string> {
    return (await import('../report/drift-view.ts')).driftView(result);
  },
  async guard(status: GuardStatus): Promise<string> {
    return (await import('../report/guard-view.ts')).guardView(status);
  },
  async guardManifests(objects: readonly KubeObject[]): Promise<string> {
    return (await import('../report/guard-view.ts')).guardManifests(objects);
  },
  async backups(list: BackupList): Promise<string> {
    return (await import('../report/backup-view.ts')).backupListView(list);
  },
  /** `objects`: with a line for each object. */
  async backup(details: BackupDetails, { objects }: { readonly objects: boolean }): Promise<string> {
    const { backupDetailsView, backupObjectsView } = await import('../report/backup-view.ts');
    return `${backupDetailsView(details)}${objects ? backupObjectsView(details) : ''}`;
  },
  async sealed(sealed: SealedBackup): Promise<string> {
    return (await import('../report/backup-view.ts')).backupSealView(sealed);
  },
  async diagnosis(diagnosis: DiagnosedControlPlane): Promise<string> {
    return (await import('../report/diagnosis-view.ts')).diagnosisView(diagnosis);
  },
  async snapshots(list: SnapshotList): Promise<string> {
    return (await import('../report/snapshot-view.ts')).snapshotListView(list);
  },
  async rke2Restore(plan: Rke2RestorePlan): Promise<string> {
    return (await import('../report/rke2-view.ts')).rke2RestoreView(plan);
  },
  async sealedSnapshot(sealed: SealedSnapshotFile): Promise<string> {
    return (await import('../report/snapshot-view.ts')).snapshotSealView(sealed);
  },
  async snapshot(verified: VerifiedSnapshot & { readonly findings?: readonly string[] }): Promise<string> {
    return (await import('../report/snapshot-view.ts')).snapshotView(verified);
  },
  async clusterStatus(status: ClusterStatus): Promise<string> {
    return (await import('../report/cluster-status-view.ts')).clusterStatusView(status);
  },
  async holds(list: HoldList): Promise<string> {
    return (await import('../report/holds-view.ts')).holdsView(list);
  },
  async released(result: ReleaseResult): Promise<string> {
    return (await import('../report/holds-view.ts')).releaseView(result);
  },
  async report(report: RunReport): Promise<string> {
    return (await import('../report/run-report-markdown.ts')).runReportMarkdown(report);
  },
  async runbooks(list: RunbookList): Promise<string> {
    return (await import('../report/runbook-view.ts')).runbookListView(list);
  },
  async runbook(shown: ShownRunbook, form: 'list' | 'markdown' | 'graph'): Promise<string> {
    if (form === 'markdown') return (await import('../report/runbook-markdown.ts')).renderRunbookMarkdown(shown.outline);
    if (form === 'graph' && shown.graph !== undefined) return (await import('../engine/graph-render.ts')).renderGraphviz(shown.graph);
    return (await import('../report/runbook-view.ts')).runbookView(shown.outline);
  },
  validRunbook({ name, steps, withPlan }: ValidRunbook): string {
    return `valid: runbook ${name} (${steps} steps)${withPlan ? ' with this plan' : '; with --plan more is checked'}\n`;
  },
  valid({ plan, runbook, specs }: ValidResult): string {
    const read = specs === undefined ? '' : `, and specs at ${specs.commit.slice(0, 12)} (${specs.objects} objects)`;
    return `valid: plan ${plan.name} (cluster ${plan.cluster}) with runbook ${runbook.name} (${runbook.steps} steps)${read}\n`;
  },
};
