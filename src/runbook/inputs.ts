import type { JsonObject, JsonValue } from '../model/json.ts';
import { type DocPath, didYouMean } from './faults.ts';
import { INPUT_TYPES } from './runbook.ts';
import { describe } from './zod-faults.ts';

type InputType = (typeof INPUT_TYPES)[number];

/** What is wrong with the value of an input, and where in the runbook the input is declared. */
export interface InputProblem {
  readonly path: DocPath;
  readonly message: string;
  readonly suggestion?: string;
}

export interface ResolvedInputs {
  /** Values of all inputs that have one. */
  readonly values: JsonObject;
  /** Optional inputs that were not given. */
  readonly absent: ReadonlySet<string>;
  readonly problems: readonly InputProblem[];
}

const IS_TYPE: Readonly<Record<InputType, (value: JsonValue) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  list: (value) => Array.isArray(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/**
 * Joins the values given for a run with the declared defaults. A value given as text, as on a command line, is read as JSON where another type than text
 * is declared. `given` undefined means that the values are not known yet: only the defaults are taken, and none is missed.
 */
export function resolveInputs(declared: Readonly<Record<string, JsonObject>>, given: JsonObject | undefined): ResolvedInputs {
  const problems: InputProblem[] = [];
  const values: Record<string, JsonValue> = {};
  const absent = new Set<string>();
  for (const [name, declaration] of Object.entries(declared)) {
    const path = ['spec', 'inputs', name];
    const type = INPUT_TYPES.find((known) => known === declaration['type']);
    const fallback = declaration['default'];
    if (type === undefined) continue;
    if (fallback !== undefined && !IS_TYPE[type](fallback)) problems.push({ path: [...path, 'default'], message: `${describe(fallback)} is no ${type}` });
    const value = readValue(Object.hasOwn(given ?? {}, name) ? given?.[name] : undefined, type) ?? fallback;
    if (value !== undefined && IS_TYPE[type](value)) values[name] = value;
    else if (value !== undefined && value !== fallback) problems.push({ path, message: `the value given, ${describe(value)}, is no ${type}` });
    else if (value === undefined && given !== undefined && declaration['optional'] === true) absent.add(name);
    else if (value === undefined && given !== undefined) problems.push({ path, message: `no value was given for the input ${name}, which has no default` });
  }
  for (const name of Object.keys(given ?? {})) {
    if (!Object.hasOwn(declared, name))
      problems.push({
        path: ['spec', 'inputs'],
        message: `a value was given for "${name}", which is no input of this runbook`,
        ...didYouMean(name, Object.keys(declared)),
      });
  }
  return { values, absent, problems };
}

function readValue(value: JsonValue | undefined, type: InputType): JsonValue | undefined {
  if (typeof value !== 'string' || type === 'string') return value;
  try {
    return JSON.parse(value) as JsonValue;
  } catch {
    return value;
  }
}
