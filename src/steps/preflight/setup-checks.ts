import { setupFaults } from '../../backup/covering/coverage.ts';
import { loadDesired } from '../desired-state.ts';
import { writtenBackupSetup } from '../written-setup.ts';
import { type CheckResult, check, type PreflightCtx, refuse } from './checks.ts';

/** Faults that leave open which bucket a recovery point is in. The others concern backups of the future, whose schedules a recovery holds anyway. */
const BLOCKING: ReadonlySet<string> = new Set(['location-clash']);

/** Which store is which must be clear before anything is restored from one; what else is wrong is told, because the disaster is no time to refuse over it. */
async function storesAreClear(ctx: PreflightCtx): Promise<string> {
  const desired = await loadDesired(ctx);
  const faults = setupFaults(writtenBackupSetup(desired.manifests, ctx.with));
  const lines = faults.map(({ object, at = '', message, fix }) => `${at}: ${object}: ${message} (${fix})`);
  const blocking = lines.filter((_, index) => BLOCKING.has(faults[index]?.code ?? ''));
  if (blocking.length > 0) refuse('INPUT_INVALID', blocking.join('; '), 'mend the specs in git, then resume with --commit COMMIT');
  return lines.length === 0 ? 'stores and schedules do not contradict each other' : `no reason to stop, but: ${lines.join('; ')}`;
}

/** Is what the specs say of backups without contradiction? */
export function setupChecks(ctx: PreflightCtx): readonly Promise<CheckResult>[] {
  return [check('backup stores are clear', () => storesAreClear(ctx))];
}
