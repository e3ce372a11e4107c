import { setupFaults } from '../backup/covering/coverage.ts';
import { DrError } from '../errors/dr-error.ts';
import { planCluster } from '../model/plan/cluster.ts';
import type { PlanSpecs } from '../model/plan/specs.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { writtenBackupSetup } from '../steps/written-setup.ts';
import type { LookTools } from './look-tools.ts';

/** That the specs of a plan can be restored from. */
export interface ValidSpecs {
  readonly commit: string;
  readonly objects: number;
  /** Objects in the platform's older schema, which a rebuild converts. */
  readonly converted: number;
}

/**
 * Reads the specs that the plan names, at the commit that its ref names now: syntax, names, conversion, and whether stores and schedules of backups contradict
 * each other. Throws one `INPUT_INVALID` with all faults, `GIT_FAILED`.
 */
export async function validateSpecs(plan: LoadedPlan, { ports, signal }: LookTools): Promise<ValidSpecs> {
  const cluster = planCluster.parse(plan.values['cluster']);
  const specs = plan.values['specs'] as unknown as PlanSpecs;
  const commit = await ports.git.resolve(specs.git, signal);
  const { manifests, converted } = await ports.desired.load({ cluster, specs, commit }, signal);
  const faults = setupFaults(writtenBackupSetup(manifests, { ...plan.plan.spec, cluster }));
  if (faults.length === 0) return { commit, objects: manifests.length, converted: converted.length };
  const lines = faults.map(({ object, at = '', message, fix }) => `${at}: ${object}: ${message} (${fix})`);
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `${lines.length} ${lines.length === 1 ? 'fault' : 'faults'} in the backups that the specs at ${commit} set up:\n${lines.map((line) => `  ${line}`).join('\n')}`,
    details: { faults: lines },
    suggestions: ['lattice-dr backup coverage shows what follows from it'],
  });
}
