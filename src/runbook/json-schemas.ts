import { inputSchemaOf, type JsonSchema } from './json-schema.ts';
import { recoveryPlanSchema } from './recovery-plan.ts';
import { runbookSchema } from './runbook.ts';

/** JSON Schema files for editors and CI, by file name. They describe shape only; rules between fields and steps are checked by `validate`. */
export function jsonSchemaFiles(): Readonly<Record<string, string>> {
  return {
    'recovery-plan.schema.json': render(inputSchemaOf(recoveryPlanSchema)),
    'runbook.schema.json': render(inputSchemaOf(runbookSchema)),
  };
}

function render(schema: JsonSchema): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}
