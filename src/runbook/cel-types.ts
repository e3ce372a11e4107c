import type { JsonObject, JsonValue } from '../model/json.ts';
import type { CelDeclaration, CelVariables } from './cel.ts';
import { encodeStepId } from './cel-source.ts';
import { type JsonSchema, typesOf } from './json-schema.ts';
import type { KnownKinds } from './known-kinds.ts';
import type { StepView } from './step-view.ts';

const CEL_TYPES: Readonly<Record<string, string>> = { string: 'string', boolean: 'bool', integer: 'int', array: 'list<dyn>' };
const INPUT_CEL_TYPES: Readonly<Record<string, string>> = { string: 'string', boolean: 'bool', list: 'list<dyn>' };

/** What the variables of expressions are declared from. */
export interface TypeSources {
  /** JSON Schema of the plan's `spec`. */
  readonly plan: JsonSchema;
  readonly inputs: Readonly<Record<string, JsonObject>>;
  readonly views: readonly StepView[];
  readonly kinds: KnownKinds;
}

/** Declarations by which expressions are type-checked before a run. What may have several types, and every number, stays open (`dyn`). */
export function celTypes({ plan, inputs, views, kinds }: TypeSources): CelVariables {
  const inputTypes = Object.entries(inputs).map(([name, input]) => [name, INPUT_CEL_TYPES[String(input['type'])] ?? 'dyn']);
  const steps = views.flatMap(({ id, uses }) => {
    const known = kinds.get(uses);
    return id === undefined ? [] : [[encodeStepId(id), { outputs: known === undefined ? 'dyn' : declare(known.outputs) }]];
  });
  return { plan: declare(plan), inputs: Object.fromEntries(inputTypes) as CelDeclaration, steps: Object.fromEntries(steps) as CelDeclaration };
}

function declare(schema: JsonSchema): CelDeclaration {
  const types = typesOf([schema]);
  const [type] = types;
  if (types.size !== 1 || type === undefined || schema['anyOf'] !== undefined || schema['oneOf'] !== undefined) return 'dyn';
  const fields = Object.entries((schema['properties'] ?? {}) as JsonObject);
  if (type !== 'object') return CEL_TYPES[type] ?? 'dyn';
  if (fields.length === 0 || isExtensible(schema['additionalProperties'])) return 'dyn';
  return Object.fromEntries(fields.map(([name, field]) => [name, declare(field as JsonSchema)]));
}

function isExtensible(additional: JsonValue | undefined): boolean {
  return additional !== undefined && additional !== false;
}
