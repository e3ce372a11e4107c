import { z } from 'zod';
import { DEFAULT_RETRY } from '../../engine/step.ts';
import { ERROR_CODES } from '../../errors/codes.ts';
import { DrError } from '../../errors/dr-error.ts';
import { recoveryPointSchema } from '../backup/recovery-point-schema.ts';
import { defineStep } from '../define-step.ts';
import { loadDesired } from '../desired-state.ts';
import { chartChecks } from './chart-checks.ts';
import type { CheckResult, PreflightCtx } from './checks.ts';
import { inputChecks } from './input-checks.ts';
import { localChecks } from './local-checks.ts';
import { parentChecks } from './parent-checks.ts';
import { chooseRecoveryPoints } from './recovery-point-checks.ts';
import { preflightWith } from './schema.ts';
import { setupChecks } from './setup-checks.ts';
import { storeChecks } from './store-checks.ts';

async function look(ctx: PreflightCtx): Promise<{ readonly checks: readonly CheckResult[]; readonly points: z.output<typeof recoveryPointSchema>[] }> {
  const [checks, chosen] = await Promise.all([
    Promise.all([...parentChecks(ctx), ...inputChecks(ctx), ...setupChecks(ctx), ...localChecks(ctx), ...chartChecks(ctx)]),
    chooseRecoveryPoints(ctx),
  ]);
  return { checks: [...checks, ...chosen.checks, ...(await storeChecks(chosen.points, ctx))], points: [...chosen.points] };
}

/** How many objects are still written in the platform's older schema. */
async function conversions(ctx: PreflightCtx): Promise<number> {
  return (await loadDesired(ctx)).converted.length;
}

/**
 * All that is wrong, in one error whose code is that of the first check about the recovery's own inputs, so that the exit code is 4; or 3 when files are wrong
 * and nothing else is.
 */
function failure(failed: readonly CheckResult[]): DrError {
  const codes = failed.map((result) => result.failed?.code ?? 'STEP_FAILED');
  const [first = 'PREFLIGHT_FAILED'] = codes;
  const areFiles = codes.every((code) => ERROR_CODES[code].kind === 'invalid');
  const precondition = codes.find((candidate) => ERROR_CODES[candidate].kind === 'precondition') ?? 'PREFLIGHT_FAILED';
  // Names that collide are a fault of the plan: with it nothing that is found here can be relied on.
  const code = codes.find((one) => one === 'BACKUP_NAME_TWICE') ?? (areFiles ? first : precondition);
  // One cause may fail several checks: it is told once.
  const answers = [...Map.groupBy(failed, ({ detail }) => detail)].map(([detail, same]) => `${same.map(({ name }) => name).join(', ')}: ${detail}`);
  return new DrError({
    code,
    message: `preflight says no, nothing was changed:\n${answers.map((line) => `  ${line}`).join('\n')}`,
    details: { failed: failed.map(({ name }) => name) },
    suggestions: [...new Set(failed.flatMap((result) => result.failed?.suggestions ?? []))],
  });
}

function evidenceOf(checks: readonly CheckResult[]): { readonly checks: readonly string[] } {
  return { checks: checks.map(({ name, detail, failed }) => `${failed === undefined ? 'ok' : 'NO'} ${name}: ${detail}`) };
}

/**
 * Looks, before anything is touched, whether a recovery can end well: the parent and its capacity, git, specs, charts, original secrets, recovery points,
 * records, and the programs and places of this machine that later steps use.
 * Read-only; reports everything that is wrong at once. Its recovery points are those taken before the run began, so a resume chooses the same.
 */
export const preflightCheck = defineStep({
  kind: 'preflight/check',
  version: 2,
  summary: 'looks whether everything a rebuild needs is there, before anything is touched',
  verifies: 'repeats every check and lists each with what it found',
  byHand: [
    '`kubectl --context PARENT -n lattice-system get deploy/lattice-operator svc/lattice-cell infraproviders`',
    '`git ls-remote REPOSITORY REF`: then read the LatticeCluster at that commit',
    'open each source of secrets and find every original that the specs name',
    '`aws s3 ls s3://BUCKET/PREFIX/backups/`: newest backup: phase Completed and not expired in velero-backup.json, its tar.gz not empty',
    '`aws s3 cp s3://BUCKET/KEY - | sha256sum`: each object of it, and of its snapshots, against seals/CLUSTER/STORE/BACKUP.json in the run state',
    '`dig +norecurse @SERVER NAME TYPE`: note the old value and TTL of every record',
  ],
  with: preflightWith,
  outputs: z.object({ recoveryPoints: z.array(recoveryPointSchema), conversions: z.number() }),
  risk: 'read-only',
  safety: true,
  timeoutMs: 10 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const { checks, points } = await look(ctx);
    const ok = checks.every(({ failed }) => failed === undefined);
    return ok
      ? { state: 'present', outputs: { recoveryPoints: points, conversions: await conversions(ctx) }, evidence: evidenceOf(checks) }
      : { state: 'absent', evidence: evidenceOf(checks) };
  },
  async plan() {
    return [{ verb: 'run', subject: 'read-only checks of parent, git, secrets, backups and records' }];
  },
  async execute(ctx) {
    const { checks } = await look(ctx);
    const failed = checks.filter((result) => result.failed !== undefined);
    if (failed.length > 0) throw failure(failed);
  },
  async verify(ctx) {
    const { checks, points } = await look(ctx);
    const failed = checks.filter((result) => result.failed !== undefined);
    if (failed.length > 0) throw failure(failed);
    return { ok: true, outputs: { recoveryPoints: points, conversions: await conversions(ctx) }, evidence: evidenceOf(checks) };
  },
});
