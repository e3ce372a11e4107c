import type { StepCatalogue } from '../engine/step.ts';
import { loadRunbook } from '../runbook/validate.ts';
import type { StepPorts } from '../steps/ports.ts';
import { type InputFile, loadRequest } from './prepare-run.ts';

/** That a runbook is valid. */
export interface ValidRunbook {
  readonly valid: true;
  readonly file: string;
  readonly name: string;
  readonly steps: number;
  /** Whether it was checked with the values of a plan, which finds more. */
  readonly withPlan: boolean;
}

/** Checks a runbook, with a plan if there is one, without asking any other system. Throws one `INPUT_INVALID` that lists every fault. */
export function validateRunbookFile(request: { readonly runbook: InputFile; readonly plan?: InputFile }, catalogue: StepCatalogue<StepPorts>): ValidRunbook {
  const { runbook: file, plan } = request;
  const { runbook } = plan === undefined ? loadRunbook(file, catalogue) : loadRequest({ plan, runbook: file }, catalogue).runbook;
  return { valid: true, file: file.file, name: runbook.metadata.name, steps: runbook.spec.steps.length, withPlan: plan !== undefined };
}
