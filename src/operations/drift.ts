import { DrError } from '../errors/dr-error.ts';
import type { PlanBackup } from '../model/plan/backups.ts';
import { planBackup } from '../model/plan/backups.ts';
import { planCluster } from '../model/plan/cluster.ts';
import { planIntegrity } from '../model/plan/integrity.ts';
import { planSpecs } from '../model/plan/specs.ts';
import type { Resolution } from '../model/resolution.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import type { Comparison } from '../specs/integrity/compare.ts';
import { draftResolution } from '../specs/integrity/draft-resolution.ts';
import type { Weight } from '../specs/integrity/judge.ts';
import { askParent, findCluster } from '../steps/find-cluster.ts';
import type { BackupPoint } from '../steps/integrity/backup-side.ts';
import { type ConditionsWritten, writeConditions } from '../steps/integrity/conditions.ts';
import { lookAtSpecs } from '../steps/integrity/look.ts';
import { outcomeOf } from '../steps/integrity/outcome.ts';
import { recoveryPoints } from '../steps/recovery-points.ts';
import { clusterRef } from '../steps/schemas.ts';
import type { LookTools } from './look-tools.ts';

export interface DriftRequest {
  readonly plan: LoadedPlan;
  /** Commit, branch or tag; by default the plan's ref. */
  readonly commit?: string;
  /** Kubeconfig of the cluster; without it, the ways that the plan names are tried. */
  readonly kubeconfig?: string;
  /** Name of a backup; by default the newest usable one of each store. */
  readonly backup?: string;
  /** Sides to leave out. */
  readonly without: readonly ('backup' | 'live')[];
  /** Decisions to try: the result then holds the patch for git, and says what is still undecided. */
  readonly resolution?: Resolution;
  /** Write the condition `SpecDriftDetected` on the living objects. */
  readonly conditions: boolean;
}

/** What git, a backup and the living cluster say, and in what they differ. */
export interface DriftResult {
  readonly cluster: string;
  readonly commit: string;
  readonly backups: readonly string[];
  readonly sides: Comparison['sides'];
  /** Objects that were looked at. */
  readonly compared: number;
  readonly objects: Comparison['objects'];
  /** Weight of each differing field by the plan's thresholds, in the order of `objects`. */
  readonly weights: readonly { readonly object: string; readonly path: string; readonly weight: Weight; readonly decided: boolean }[];
  readonly blocking: number;
  readonly warnings: number;
  /** A decision for each difference, to be read and changed by a person. */
  readonly draft: Resolution;
  /** With a resolution: for `git apply`. */
  readonly patch: string;
  readonly byHand: readonly string[];
  readonly conditions?: ConditionsWritten;
  /** What could not be read, and what that means. */
  readonly findings: readonly string[];
}

/**
 * Compares the specs in git with the newest backup and with the living cluster, as far as they answer. Changes nothing, unless conditions are asked for.
 * Throws `GIT_FAILED`, `NOTHING_TO_COMPARE` when git stands alone, and `INPUT_INVALID` for a resolution that was written for other values.
 */
export async function drift(request: DriftRequest, tools: LookTools): Promise<DriftResult> {
  const cluster = planCluster.parse(request.plan.values['cluster']);
  const specs = planSpecs.parse(request.plan.values['specs']);
  const commit = await tools.ports.git.resolve({ ...specs.git, ...(request.commit === undefined ? {} : { ref: request.commit }) }, tools.signal);
  const [chosen, alive] = await Promise.all([choosePoints(request, tools), living(request, tools)]);
  const input = { source: { cluster, specs, commit }, backups: chosen.backups, points: chosen.points, ...alive.clusters };
  const seen = await lookAtSpecs(input, tools);
  if (seen.comparison.sides.length < 2) throw nothingToCompare(cluster.name, [...chosen.findings, ...alive.findings, ...seen.findings]);
  const thresholds = planIntegrity.optional().parse(request.plan.values['integrity']);
  const { resolution } = request;
  const options = {
    source: input.source,
    ...(resolution === undefined ? {} : { resolution }),
    ...(thresholds === undefined ? {} : { thresholds }),
  };
  const { decision, judgement, patch } = await outcomeOf(seen, options, tools);
  if (decision.faults.length > 0) throw staleResolution(decision.faults);
  const conditions = request.conditions ? await conditionsOf(alive.clusters.live, { comparison: seen.comparison, commit }, tools) : undefined;
  const [backup] = seen.backups;
  return {
    cluster: cluster.name,
    commit,
    backups: seen.backups,
    sides: seen.comparison.sides,
    compared: seen.comparison.compared,
    objects: seen.comparison.objects,
    weights: judgement.fields.map(({ object, field, weight, decided }) => ({ object: object.key, path: field.path, weight, decided })),
    blocking: judgement.blocking,
    warnings: judgement.warnings,
    draft: draftResolution(seen.comparison, { cluster: cluster.name, commit, ...(backup === undefined ? {} : { backup }) }),
    patch: patch.patch,
    byHand: patch.byHand,
    ...(conditions === undefined ? {} : { conditions }),
    findings: [...chosen.findings, ...alive.findings, ...seen.unread, ...seen.findings, ...decision.notes],
  };
}

interface Chosen {
  readonly backups: readonly PlanBackup[];
  readonly points: readonly BackupPoint[];
  readonly findings: readonly string[];
}

async function choosePoints({ plan, backup, without }: DriftRequest, { ports, clock, signal }: LookTools): Promise<Chosen> {
  const backups = planBackup.array().parse(plan.values['backups'] ?? []);
  if (without.includes('backup')) return { backups, points: [], findings: [] };
  const now = clock.now();
  const judged = await Promise.all(
    backups.map(async (section) => {
      try {
        const verdicts = await recoveryPoints(ports, section, { cluster: plan.plan.spec.cluster.name, before: now, now, signal });
        const usable = verdicts.flatMap((verdict) => (verdict.usable ? [verdict.point] : []));
        const found = usable.find(({ name }) => backup === undefined || name === backup);
        if (found === undefined) return { finding: `store '${section.store}' has no usable backup${backup === undefined ? '' : ` '${backup}'`}` };
        return { point: { store: section.store, name: found.name }, at: found.completedAt };
      } catch (error) {
        if (signal.aborted) throw error;
        return { finding: `store '${section.store}': ${error instanceof Error ? error.message : String(error)}` };
      }
    }),
  );
  const points = judged.flatMap((entry) => (entry.point === undefined ? [] : [entry])).toSorted((a, b) => (a.at < b.at ? 1 : -1));
  if (backup !== undefined && points.length === 0)
    throw new DrError({
      code: 'BACKUP_NOT_USABLE',
      message: `no store of the plan has a backup '${backup}'`,
      suggestions: ['lattice-dr drift without --backup takes the newest'],
    });
  return { backups, points: points.map(({ point }) => point), findings: judged.flatMap(({ finding }) => finding ?? []) };
}

interface Alive {
  readonly clusters: { readonly live?: KubeCluster; readonly parent?: KubeCluster };
  readonly findings: readonly string[];
}

async function living({ plan, kubeconfig, without }: DriftRequest, tools: LookTools): Promise<Alive> {
  const cluster = planCluster.parse(plan.values['cluster']);
  const { parent, finding } = await askParent(cluster, tools);
  const above = parent === undefined ? {} : { parent };
  const unasked = finding === undefined || cluster.parent === undefined ? [] : [finding];
  if (without.includes('live')) return { clusters: above, findings: unasked };
  const { salvage } = plan.plan.spec;
  const given = kubeconfig === undefined ? salvage?.kubeconfig && clusterRef(salvage.kubeconfig) : { kubeconfigPath: kubeconfig };
  const reached = await findCluster(cluster, { parent, ...(given === undefined ? {} : { given }) }, tools);
  if (reached.cluster !== undefined) return { clusters: { ...above, live: reached.cluster }, findings: unasked };
  return { clusters: above, findings: [...unasked, `the cluster does not answer: ${reached.unreachable}`] };
}

async function conditionsOf(
  live: KubeCluster | undefined,
  found: { readonly comparison: Comparison; readonly commit: string },
  tools: LookTools,
): Promise<ConditionsWritten> {
  if (live !== undefined) return await writeConditions(live, found, tools);
  throw new DrError({
    code: 'KUBE_UNAVAILABLE',
    message: 'conditions cannot be written: the cluster does not answer',
    suggestions: ['name its kubeconfig with --kubeconfig FILE'],
  });
}

function nothingToCompare(name: string, findings: readonly string[]): DrError {
  return new DrError({
    code: 'NOTHING_TO_COMPARE',
    message: `there is nothing to compare the specs of '${name}' with:\n${findings.map((finding) => `  ${finding}`).join('\n')}`,
    details: { findings },
    suggestions: ['name its kubeconfig with --kubeconfig FILE, or a store under spec.backups of the plan'],
  });
}

function staleResolution(faults: readonly string[]): DrError {
  return new DrError({
    code: 'INPUT_INVALID',
    message: `the resolution does not fit what is found now:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    details: { faults },
    suggestions: ['write it again: lattice-dr drift --write-resolution FILE'],
  });
}
