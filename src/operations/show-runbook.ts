import type { StepGraph } from '../engine/graph-types.ts';
import type { StepCatalogue } from '../engine/step.ts';
import type { JsonObject } from '../model/json.ts';
import { outlineRunbook, type RunbookOutline } from '../runbook/outline.ts';
import { resolveRunbook } from '../runbook/resolve.ts';
import type { RunMode } from '../runbook/runbook.ts';
import { type LoadedRunbook, loadRunbook } from '../runbook/validate.ts';
import type { StepPorts } from '../steps/ports.ts';
import { COMMIT_INPUT, type InputFile, loadPlan, loadRequest } from './prepare-run.ts';

export interface ShowRequest {
  readonly runbook: InputFile;
  readonly plan?: InputFile;
  readonly inputs: JsonObject;
  readonly mode: RunMode;
}

/** A runbook as a person reads it, and as a graph when a plan says what `forEach` and `if` come to. */
export interface ShownRunbook {
  readonly outline: RunbookOutline;
  readonly graph?: StepGraph;
}

/** Reads a runbook, with the values of a plan if there is one. Asks no other system, git included. Throws `INPUT_INVALID` with all faults. */
export function showRunbook({ runbook: file, plan: planFile, inputs, mode }: ShowRequest, catalogue: StepCatalogue<StepPorts>): ShownRunbook {
  if (planFile === undefined) return { outline: outlineRunbook({ runbook: loadRunbook(file, catalogue), catalogue, inputs }) };
  const { runbook } = loadRequest({ plan: planFile, runbook: file }, catalogue);
  const plan = loadPlan(planFile);
  const shownInputs = { ...unpinned(runbook), ...inputs };
  return { outline: outlineRunbook({ runbook, catalogue, plan, inputs }), graph: resolveRunbook({ runbook, plan, inputs: shownInputs, mode, catalogue }) };
}

/** The commit is only known once a run starts; a graph that is shown says so in its place. */
function unpinned({ runbook }: LoadedRunbook): JsonObject {
  return runbook.spec.inputs[COMMIT_INPUT] === undefined ? {} : { [COMMIT_INPUT]: '(pinned when a run starts)' };
}
