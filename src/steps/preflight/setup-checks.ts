import { setupFaults } from '../../backup/covering/coverage.ts';
import { isDrError } from '../../errors/dr-error.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { loadDesired } from '../desired-state.ts';
import { openParent } from '../parent.ts';
import { type FieldsAtRisk, fieldsAtRisk, prunedError } from '../pruned-fields.ts';
import { clusterRef } from '../schemas.ts';
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

/** The server whose schemas are those of the rebuilt cluster: its parent runs the same platform, and an existing one is the target itself. */
async function serverOfSchemas(ctx: PreflightCtx): Promise<KubeCluster | undefined> {
  const { provisioner, existing } = ctx.with.cluster;
  if (provisioner === 'lattice') return await openParent(ctx);
  return provisioner === 'existing' && existing !== undefined ? await ctx.ports.clusters.open(clusterRef(existing.kubeconfig)) : undefined;
}

/** What the server says of the specs; text where it cannot be asked, which other checks and steps answer for. */
async function askSchemas(ctx: PreflightCtx): Promise<{ readonly server: string; readonly fields: FieldsAtRisk } | string> {
  const desired = await loadDesired(ctx);
  try {
    const server = await serverOfSchemas(ctx);
    if (server === undefined) return 'no server has the schemas of the new cluster yet';
    return { server: server.server, fields: await fieldsAtRisk(server, desired, ctx) };
  } catch (error) {
    if (ctx.signal.aborted || !isDrError(error) || error.code === 'BUG') throw error;
    return error.message;
  }
}

/** A field that the server does not know stops `specs/apply`, when the old cluster is long gone; and one that is left out may be missed only in the next disaster. */
async function nothingIsPruned(ctx: PreflightCtx): Promise<string> {
  const asked = await askSchemas(ctx);
  if (typeof asked === 'string') return `cannot be told now, specs/apply looks again: ${asked}`;
  const { open, accepted } = asked.fields;
  if (open.length > 0) throw prunedError(open, asked.server);
  return accepted.length === 0 ? 'the server knows every field of the specs' : `left out, as accepted: ${accepted.map(({ name }) => name).join(', ')}`;
}

/** Is what the specs say of backups without contradiction, and does it reach the server? */
export function setupChecks(ctx: PreflightCtx): readonly Promise<CheckResult>[] {
  return [check('backup stores are clear', () => storesAreClear(ctx)), check('specs fit the schemas', () => nothingIsPruned(ctx))];
}
