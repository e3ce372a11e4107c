import { z } from 'zod';
import { DEFAULT_RETRY, type Observation, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { duration } from '../../model/plan/fields.ts';
import { planSpecs } from '../../model/plan/specs.ts';
import { specEdits } from '../../model/resolution.ts';
import { managerOf } from '../../specs/gitops.ts';
import { typesOf } from '../../specs/manifest.ts';
import { defineStep } from '../define-step.ts';
import { type DesiredState, loadDesired } from '../desired-state.ts';
import { fieldOwnerHold } from '../gitops-holds.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { withoutPruned } from '../pruned-fields.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';
import { appliedKeys } from './applied.ts';
import { type ApplyReport, applyInOrder } from './apply-in-order.ts';
import { describeDangling, orderOf } from './order.ts';

const withSchema = z.object({
  target: targetSchema,
  cluster: planCluster,
  specs: planSpecs,
  commit: z.string(),
  /** Keys of the objects to apply, each whole; without it all of them. */
  only: z.array(z.string()).exactOptional(),
  edits: specEdits,
  /** Longest time an object may take to become ready when others wait for it. */
  readyTimeout: duration.default(5 * 60_000),
});
type W = z.output<typeof withSchema>;
type Ctx = ReadContext<W, StepPorts>;

/** Kinds that other steps have applied before, whatever git has. */
const RESTORED_BEFORE: readonly KubeObject[] = ['Namespace', 'Secret'].map((kind) => ({ apiVersion: 'v1', kind, metadata: { name: '' } }));

const outputs = z.object({
  applied: z.number(),
  held: z.array(z.string()),
  skipped: z.array(z.string()),
  dangling: z.array(z.string()),
  /** Fields that the server does not know and that were left out, as somebody accepted. */
  dropped: z.array(z.string()),
});
type Outputs = z.output<typeof outputs>;
type Trimmed = Awaited<ReturnType<typeof withoutPruned>>;

/** Desired state, or the part of it that a living cluster gets again: there nothing is put aside, because nothing acts twice. */
async function desiredFor(ctx: Ctx): Promise<DesiredState> {
  const desired = await loadDesired(ctx);
  const { only } = ctx.with;
  if (only === undefined) return desired;
  const wanted = new Set(only);
  const apply = desired.classification.apply
    .filter(({ key }) => wanted.has(key))
    .map(({ hold, ...item }) => ({ ...item, object: (hold?.prior['object'] as KubeObject | undefined) ?? item.object }));
  return { ...desired, classification: { ...desired.classification, apply, held: [], skipped: [] } };
}

function outputsOf({ desired, dropped }: Trimmed, applied: number, dangling: readonly string[]): Outputs {
  const { held, skipped } = desired.classification;
  return {
    applied,
    held: held.map(({ key, reason }) => `${key}: ${reason}`),
    skipped: skipped.map(({ key, reason }) => `${key}: ${reason}`),
    dangling: [...dangling],
    dropped: [...dropped],
  };
}

async function observeApplied(ctx: Ctx): Promise<Observation<Outputs>> {
  const wanted = await desiredFor(ctx);
  const cluster = await openTarget(ctx);
  const trimmed = await withoutPruned(cluster, wanted, ctx);
  const { graph, dangling } = await orderOf(trimmed.desired, cluster, ctx);
  const items = graph.nodes.filter((node) => node.kind === 'apply').flatMap((node) => node.objects);
  const applied = await appliedKeys(cluster, items, ctx.signal);
  const evidence = {
    applied: applied.size,
    of: items.length,
    open: items
      .filter(({ key }) => !applied.has(key))
      .slice(0, 20)
      .map(({ key }) => key),
  };
  if (applied.size < items.length) return { state: applied.size === 0 ? 'absent' : 'partial', evidence };
  return { state: 'present', outputs: outputsOf(trimmed, applied.size, dangling.map(describeDangling)), evidence };
}

/** Names everything that stands aside before the first object goes out, so that a run killed right after it knows what it held. */
async function recordHolds(desired: DesiredState, heldBack: DesiredState['classification']['held'], ctx: StepContext<W, StepPorts>): Promise<void> {
  for (const { hold } of [...desired.classification.held, ...heldBack]) await ctx.hold(hold);
  for (const { hold } of desired.classification.apply) if (hold !== undefined) await ctx.hold(hold);
  const manager = ctx.with.specs.manager ?? managerOf(ctx.holds());
  if (manager === undefined || manager === FIELD_MANAGER) return;
  const objects = [...desired.classification.apply, ...desired.classification.held].map(({ object }) => object);
  await ctx.hold(fieldOwnerHold({ manager, types: typesOf([...objects, ...RESTORED_BEFORE]) }));
}

function failure(report: ApplyReport): DrError {
  const [first] = report.failed;
  const list = (title: string, lines: readonly string[]) =>
    lines.length === 0
      ? ''
      : `\n${title} (${lines.length}):\n${lines
          .slice(0, 20)
          .map((line) => `  ${line}`)
          .join('\n')}`;
  const refused = report.failed.map(({ key, error }) => `${key}: ${error.message}`);
  return new DrError({
    code: first?.error.code ?? 'STEP_FAILED',
    message: `${report.failed.length} of ${report.total} objects were not applied or did not become ready:${list('failed', refused)}${list('not started', report.notStarted)}`,
    details: { failed: refused, notStarted: report.notStarted },
    retry: report.failed.every(({ error }) => error.retry !== 'never') ? 'retryable' : 'never',
    suggestions: [
      'take the cause away, then resume: what is applied stays and is skipped',
      'a cause in git is taken away by a new commit: resume with --commit COMMIT',
    ],
  });
}

/**
 * Applies desired state from git in dependency order by server-side apply: an object goes out the moment the last thing it needs is there. DNSProviders,
 * child clusters and whatever else would act too early are holds; one-shot jobs, inherited and generated objects are skipped and listed.
 */
export const specsApply = defineStep({
  kind: 'specs/apply',
  version: 2,
  summary: 'applies the specs from git in dependency order',
  verifies: 'reads every applied object back and compares it with git',
  byHand: [
    'set aside: DNSProviders (they move the names), other LatticeClusters, jobs without schedule; set paused: true on LatticeClusterBackups',
    '`kubectl apply --server-side -f FILE` for namespaces, then secrets, SecretProviders, Infra- and ImageProviders, CedarPolicies',
    'then CertIssuers, quotas, BackupStores, packages, and services: owners of shared volumes before their consumers',
    'last, LatticeClusterBackups; wait for Ready between the groups',
  ],
  with: withSchema,
  outputs,
  risk: 'reversible',
  safety: false,
  timeoutMs: 2 * 60 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  whenChanged: 'again',
  observe: observeApplied,
  async plan(ctx) {
    const desired = await desiredFor(ctx);
    const { graph } = await orderOf(desired, undefined, ctx);
    const { held, skipped } = desired.classification;
    const commit = ctx.with.commit.slice(0, 12);
    return [
      // What an object is made of is not shown one by one, so what was agreed to is bound to the commit.
      { verb: 'run' as const, subject: 'apply the specs', note: `of commit ${commit}` },
      ...graph.nodes
        .filter((node) => node.kind === 'apply')
        .flatMap((node) => node.objects.map(({ key, source }) => ({ verb: 'create' as const, subject: key, note: `${source.file}:${source.line}` }))),
      ...[...held, ...graph.heldBack].map(({ key, reason }) => ({ verb: 'run' as const, subject: `hold ${key}`, note: reason })),
      ...skipped.map(({ key, reason }) => ({ verb: 'run' as const, subject: `skip ${key}`, note: reason })),
    ];
  },
  async execute(ctx) {
    const wanted = await desiredFor(ctx);
    const cluster = await openTarget(ctx);
    const { desired, dropped } = await withoutPruned(cluster, wanted, ctx);
    const { graph, dangling } = await orderOf(desired, cluster, ctx);
    for (const field of dropped) ctx.evidence.append({ dropped: field });
    for (const reference of dangling) ctx.evidence.append({ dangling: describeDangling(reference) });
    await recordHolds(desired, graph.heldBack, ctx);
    const report = await applyInOrder({ graph, cluster, profile: desired.profile, readyTimeoutMs: ctx.with.readyTimeout, ctx });
    ctx.evidence.append({ retries: cluster.retryCounts(), applied: report.applied, skippedAsDone: report.alreadyApplied });
    if (report.failed.length > 0 || report.notStarted.length > 0) throw failure(report);
  },
  async verify(ctx) {
    const seen = await observeApplied(ctx);
    if (seen.state === 'present') return { ok: true, outputs: seen.outputs, evidence: seen.evidence };
    return { ok: false, reason: 'an applied object is gone or differs from git', evidence: seen.evidence };
  },
});
