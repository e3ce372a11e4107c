import { SEALS } from '../backup/seal.ts';
import { namesUnder } from '../engine/kept-files.ts';
import { DrError } from '../errors/dr-error.ts';
import type { JsonObject } from '../model/json.ts';
import { type PlanBackup, planBackup } from '../model/plan/backups.ts';
import { type ApprovalRules, approvalRulesOf } from '../model/plan/people.ts';
import type { RunStore } from '../ports/run-store.ts';
import type { Signatures } from '../ports/signatures.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { createSeals, type Seals } from '../steps/recovery/seals.ts';
import type { LookTools } from './look-tools.ts';

/** What operations on backups need: the plan, and the run state that holds their seals. */
export interface BackupTools extends LookTools {
  readonly plan: LoadedPlan;
  readonly store: RunStore;
}

/** The plan's stores of backups. */
export function backupSections({ plan }: Pick<BackupTools, 'plan'>): readonly PlanBackup[] {
  return planBackup.array().parse(plan.values['backups'] ?? []);
}

/** Seals of the plan's cluster. */
export function sealsOf({ plan, store, ports, signal }: BackupTools): Seals {
  return clusterSeals({ cluster: plan.plan.spec.cluster.name, values: plan.values }, { store, signatures: ports.sealSignatures, signal });
}

export interface ClusterSealsTools {
  readonly store: RunStore;
  readonly signatures: Signatures;
  readonly signal: AbortSignal;
}

/** Seals of a cluster, by the rules in the values of its plan. */
export function clusterSeals(
  { cluster, values }: { readonly cluster: string; readonly values: JsonObject },
  { store, signatures, signal }: ClusterSealsTools,
): Seals {
  const rules: ApprovalRules = approvalRulesOf(values);
  const folder = `${SEALS}/${cluster}`;
  const read = async (name: string) => await store.get(`${folder}/${name}`);
  return createSeals({ read, list: async () => await namesUnder(store, `${folder}/`), rules, signatures, signal });
}

/** The store that is meant: the named one, else the only one. Throws `USAGE`. */
export function sectionOf(tools: Pick<BackupTools, 'plan'>, named: string | undefined): PlanBackup {
  const sections = backupSections(tools);
  const stores = sections.map(({ store }) => store).join(', ') || 'none';
  const found = named === undefined ? (sections.length === 1 ? sections[0] : undefined) : sections.find(({ store }) => store === named);
  if (found !== undefined) return found;
  throw new DrError({
    code: 'USAGE',
    message:
      named === undefined
        ? `the plan has ${sections.length} stores of backups (${stores}): say which with --store`
        : `the plan has no store '${named}' (it has ${stores})`,
  });
}
