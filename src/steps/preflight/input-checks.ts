import { DrError } from '../../errors/dr-error.ts';
import { commitSigner, loadDesired } from '../desired-state.ts';
import { ownRecords, zoneOf } from '../dns/targets.ts';
import { missingRequired, readSecretSources } from '../secrets/sources.ts';
import { describeDangling, orderOf } from '../specs/order.ts';
import { type CheckResult, check, type PreflightCtx } from './checks.ts';
import { probesCanBeSent } from './probe-checks.ts';

async function gitHasCommit(ctx: PreflightCtx): Promise<string> {
  const { repository, ref } = ctx.with.specs.git;
  const facts = await ctx.ports.git.describe({ repository, ref, paths: ctx.with.specs.git.paths, commit: ctx.with.commit }, ctx.signal);
  const signer = await commitSigner(ctx.ports.git, ctx.with, ctx.signal);
  return `commit ${ctx.with.commit.slice(0, 12)} of ${facts.committedAt}: ${facts.subject}${signer === undefined ? '' : `, signed by ${signer}`}`;
}

async function specsAreGood(ctx: PreflightCtx): Promise<string> {
  const { classification } = await loadDesired(ctx);
  return `${classification.apply.length} objects to apply, ${classification.held.length} held, ${classification.skipped.length} skipped`;
}

/** References to original secrets in `lattice-secrets` that neither git nor a source answers: their readers would never become ready. */
async function unansweredSecrets(ctx: PreflightCtx, found: ReadonlySet<string>): Promise<readonly string[]> {
  const { dangling } = await orderOf(await loadDesired(ctx), undefined, ctx);
  return dangling
    .filter((reference) => reference.need === 'required' && reference.targets.every((target) => target.kind === 'Secret' && target.group === ''))
    .filter((reference) => !reference.targets.some((target) => found.has(`${target.namespace ?? ''}/${target.name}`)))
    .map(describeDangling);
}

async function secretsAreThere(ctx: PreflightCtx): Promise<string> {
  const found = await readSecretSources(ctx);
  const missing = [...missingRequired(ctx.with.secrets, found), ...(await unansweredSecrets(ctx, new Set(found.keys())))];
  if (missing.length > 0) {
    throw new DrError({
      code: 'SECRET_SOURCE_MISSING',
      message: `no source of the plan holds: ${missing.join('; ')}`,
      suggestions: ['put the originals into a source under spec.secrets; nothing was changed'],
    });
  }
  return `${found.size} secrets in ${ctx.with.secrets.length} sources`;
}

async function recordsCanBeMoved(ctx: PreflightCtx): Promise<string> {
  const { dns } = ctx.with;
  if (dns === undefined || dns.records.length === 0) return 'the plan names no records';
  const slow: string[] = [];
  for (const record of ownRecords(dns)) {
    const zone = await zoneOf(ctx, dns, record);
    await zone.assertCanUpdate();
    const now = await zone.query(record.name, record.type, ctx.signal);
    const ttlMs = (now?.ttlSeconds ?? 0) * 1_000;
    // Too late to lower it now: caches keep the old answer this long, whatever is written.
    if (record.maxTtl !== undefined && ttlMs > record.maxTtl)
      slow.push(`${record.name} has a TTL of ${ttlMs / 1_000} s instead of at most ${record.maxTtl / 1_000} s`);
  }
  return [`${ownRecords(dns).length} records are ours and answered by their servers`, ...slow].join('; ');
}

/** Is everything readable that the recovery is made of? */
export function inputChecks(ctx: PreflightCtx): readonly Promise<CheckResult>[] {
  return [
    check('git has the commit', () => gitHasCommit(ctx)),
    check('specs are good', () => specsAreGood(ctx)),
    check('original secrets are there', () => secretsAreThere(ctx)),
    check('records can be moved', () => recordsCanBeMoved(ctx)),
    check('probes can be sent', () => probesCanBeSent(ctx)),
  ];
}
