import type { StepCatalogue } from '../engine/step.ts';
import { loadRunbook } from '../runbook/validate.ts';
import type { StepPorts } from '../steps/ports.ts';
import type { InputFile } from './prepare-run.ts';

/** The runbooks that ship with the tool. */
export interface RunbookList {
  readonly runbooks: readonly { readonly name: string; readonly description: string; readonly steps: number; readonly file: string }[];
}

/** Describes runbooks. Throws `INPUT_INVALID` for one that is not valid. */
export function listRunbooks(files: readonly InputFile[], catalogue: StepCatalogue<StepPorts>): RunbookList {
  return {
    runbooks: files.map((file) => {
      const { metadata, spec } = loadRunbook(file, catalogue).runbook;
      return { name: metadata.name, description: spec.description, steps: spec.steps.length, file: file.file };
    }),
  };
}
