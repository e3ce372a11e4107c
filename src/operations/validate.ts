import type { StepCatalogue } from '../engine/step.ts';
import type { StepPorts } from '../steps/ports.ts';
import { clusterOf, loadRequest, type RunRequest } from './prepare-run.ts';
import type { ValidSpecs } from './validate-specs.ts';

/** That plan and runbook are valid, and what they are about. */
export interface ValidResult {
  readonly valid: true;
  readonly plan: { readonly file: string; readonly name: string; readonly cluster: string; readonly digest: string };
  readonly runbook: { readonly file: string; readonly name: string; readonly steps: number };
  /** Present when the specs were asked for too. */
  readonly specs?: ValidSpecs;
}

/** Checks a plan and a runbook against each other, without asking any other system. Throws one `INPUT_INVALID` that lists every fault of both. */
export function validate(request: Pick<RunRequest, 'plan' | 'runbook'>, catalogue: StepCatalogue<StepPorts>): ValidResult {
  const { plan, runbook } = loadRequest(request, catalogue);
  return {
    valid: true,
    plan: { file: request.plan.file, name: plan.plan.metadata.name, cluster: clusterOf(plan), digest: plan.digest },
    runbook: { file: request.runbook.file, name: runbook.runbook.metadata.name, steps: runbook.runbook.spec.steps.length },
  };
}
