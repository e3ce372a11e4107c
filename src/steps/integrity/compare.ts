import { DEFAULT_RETRY, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { FieldDiff, PlannedChange } from '../../model/change.ts';
import { digestOfJson } from '../../model/digest.ts';
import { type JsonValue, parseJson } from '../../model/json.ts';
import type { Comparison, ObjectDifference } from '../../specs/integrity/compare.ts';
import { defineStep } from '../define-step.ts';
import { askParent, findCluster } from '../find-cluster.ts';
import { RUN_ANNOTATION } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { clusterRef } from '../schemas.ts';
import { lookAtSpecs, type SpecsSeen } from './look.ts';
import { type Outcome, outcomeOf, outputsOf } from './outcome.ts';
import { type CompareOutputs, type CompareWith, compareOutputs, compareWith } from './schema.ts';

type Ctx = ReadContext<CompareWith, StepPorts>;

/** One look for one input: with another commit, backup or resolution it is a new one. */
function fileName({ commit, recoveryPoints, resolution, thresholds }: CompareWith): string {
  const points = recoveryPoints.map(({ name, contents }) => (contents === undefined ? name : `${name}@${contents}`));
  const input = { commit, points, resolution: resolution ?? null, thresholds: thresholds ?? null };
  return `comparison-${digestOfJson(input).slice('sha256:'.length, 'sha256:'.length + 12)}.json`;
}

async function kept(ctx: Ctx): Promise<CompareOutputs | undefined> {
  const content = await ctx.files.read(fileName(ctx.with));
  const file = content === undefined ? undefined : (parseJson(content) as { readonly outputs?: unknown } | undefined);
  return file === undefined ? undefined : compareOutputs.parse(file.outputs);
}

/** The old cluster, while it may still answer; `undefined` once this run has replaced it. */
async function living(ctx: Ctx): Promise<Pick<Parameters<typeof lookAtSpecs>[0], 'live' | 'parent'> & { readonly findings: readonly string[] }> {
  const { cluster, salvage } = ctx.with;
  const { parent, object } = await askParent(cluster, ctx);
  const above = parent === undefined ? {} : { parent };
  if (object?.metadata.annotations?.[RUN_ANNOTATION] === ctx.run.id) return { ...above, findings: ['this run has replaced the old cluster already'] };
  const given = salvage?.kubeconfig;
  if (given === undefined && cluster.provisioner !== 'lattice')
    return { ...above, findings: ['there is no kubeconfig of the old cluster: name one in spec.salvage.kubeconfig'] };
  const reached = await findCluster(cluster, { parent, filesToo: false, ...(given === undefined ? {} : { given: clusterRef(given) }) }, ctx);
  return reached.cluster === undefined
    ? { ...above, findings: [`the old cluster is not compared: ${reached.unreachable}`] }
    : { ...above, live: reached.cluster, findings: [] };
}

/** Throws `INPUT_INVALID` when the resolution was written for other values, and `BACKUP_BAD` when a backup is no longer what preflight has judged. */
async function look(ctx: Ctx): Promise<{ readonly seen: SpecsSeen; readonly outcome: Outcome }> {
  const { cluster, specs, commit, backups, recoveryPoints, thresholds, resolution } = ctx.with;
  const { live, parent, findings } = await living(ctx);
  const points = recoveryPoints.toSorted((a, b) => (a.completedAt < b.completedAt ? 1 : -1));
  const input = { source: { cluster, specs, commit }, backups, points, ...(live === undefined ? {} : { live }), ...(parent === undefined ? {} : { parent }) };
  const found = await lookAtSpecs(input, ctx);
  const seen = { ...found, findings: [...findings, ...found.findings] };
  const wanted = { ...(resolution === undefined ? {} : { resolution }), ...(thresholds === undefined ? {} : { thresholds }) };
  const outcome = await outcomeOf(seen, { source: input.source, ...wanted }, ctx);
  refuseFaults(outcome.decision.faults);
  return { seen, outcome };
}

function refuseFaults(faults: readonly string[]): void {
  if (faults.length === 0) return;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `the resolution does not fit what is found now:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    details: { faults },
    suggestions: ['write it again: lattice-dr drift --write-resolution FILE, then resume with --resolution FILE'],
  });
}

function changeOf({ key, fields, source }: ObjectDifference): PlannedChange {
  const diffs = fields.map(
    ({ path, values }): FieldDiff => ({
      path: path === '' ? 'the whole object' : path,
      ...side('from', values.live ?? values.backup),
      ...side('to', values.git),
    }),
  );
  return { verb: 'configure', subject: key, diffs, ...(source === undefined ? {} : { note: `${source.file}:${source.line}` }) };
}

function side(name: 'from' | 'to', value: JsonValue | undefined): Partial<FieldDiff> {
  return value === undefined ? {} : { [name]: value };
}

async function keep(ctx: StepContext<CompareWith, StepPorts>, seen: SpecsSeen, outputs: CompareOutputs): Promise<void> {
  const comparison: Comparison = seen.comparison;
  await ctx.keep(fileName(ctx.with), Buffer.from(`${JSON.stringify({ backups: seen.backups, comparison, outputs }, undefined, 2)}\n`));
  if (outputs.patch !== '') await ctx.keep(fileName(ctx.with).replace('comparison', 'resolution').replace('.json', '.patch'), Buffer.from(outputs.patch));
}

/**
 * Compares the specs in git with the backups that the recovery would use and, while it answers, with the old cluster, by field, before anything is destroyed.
 * What it found is kept once with the run and is what every later step goes by: a resume reads it, and does not look again at a cluster that is gone.
 */
export const integrityCompare = defineStep({
  kind: 'integrity/compare',
  version: 1,
  summary: 'compares the specs in git with the backup and the old cluster, field by field',
  verifies: 'reads back the comparison that was kept with the run',
  byHand: [
    '`tar -xzf BACKUP.tar.gz resources/`: then compare each `resources/<kind>/…/<name>.json` with the file in git, field by field',
    '`kubectl --context OLD diff -f SPECS`: while the old cluster answers',
    'decide for each difference whose value is applied; images, access, policy and privilege from git unless somebody answers for it',
  ],
  with: compareWith,
  outputs: compareOutputs,
  risk: 'read-only',
  safety: true,
  timeoutMs: 10 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const outputs = await kept(ctx);
    return outputs === undefined ? { state: 'absent', evidence: {} } : { state: 'present', outputs, evidence: { digest: outputs.digest } };
  },
  async plan(ctx) {
    const { seen } = await look(ctx);
    return [
      { verb: 'run', subject: `compare ${seen.comparison.sides.join(', ')}`, note: `${seen.comparison.compared} objects` },
      ...seen.comparison.objects.map(changeOf),
      ...seen.findings.map((finding) => ({ verb: 'run' as const, subject: finding })),
    ];
  },
  async execute(ctx) {
    if ((await kept(ctx)) !== undefined) return;
    ctx.progress({ message: 'reading git, the backup and the old cluster' });
    const { seen, outcome } = await look(ctx);
    const outputs = outputsOf(seen, outcome);
    for (const { key, risk, fields } of seen.comparison.objects) ctx.evidence.append({ object: key, risk, fields: fields.map(({ path }) => path) });
    await keep(ctx, seen, outputs);
  },
  async verify(ctx) {
    const outputs = await kept(ctx);
    if (outputs === undefined) return { ok: false, reason: 'the comparison was not kept with the run', evidence: {} };
    return { ok: true, outputs, evidence: { digest: outputs.digest, differences: outputs.differences, blocking: outputs.blocking } };
  },
});
