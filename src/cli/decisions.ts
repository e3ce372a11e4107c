import type { Decisions } from '../engine/decisions.ts';
import { DrError } from '../errors/dr-error.ts';

/** The flag about an owner that cannot be looked at from here. */
export interface OwnerFlags {
  readonly 'owner-gone'?: string | undefined;
}

/** Flags that carry decisions, as parsed. */
export interface DecisionFlags extends OwnerFlags {
  readonly confirm?: string | undefined;
  readonly approve?: readonly string[] | undefined;
  readonly attest?: readonly string[] | undefined;
}

/** Reads the decision flags. Throws `USAGE` for an `--attest` that is not `STEP=TEXT`, or names a step twice. */
export function parseDecisions({ confirm, approve = [], attest = [] }: DecisionFlags): Decisions {
  const statements: Record<string, string> = {};
  for (const entry of attest) {
    const [step, text] = splitAssignment(entry, '--attest', 'STEP=TEXT');
    if (Object.hasOwn(statements, step)) throw usage(`--attest names step '${step}' twice`);
    statements[step] = text;
  }
  return { ...(confirm === undefined ? {} : { confirm }), approve, attest: statements };
}

/** Reads `--input NAME=VALUE` flags. Throws `USAGE`. */
export function parseInputs(entries: readonly string[] = []): Readonly<Record<string, string>> {
  const inputs: Record<string, string> = {};
  for (const entry of entries) {
    const [name, value] = splitAssignment(entry, '--input', 'NAME=VALUE');
    if (Object.hasOwn(inputs, name)) throw usage(`--input names '${name}' twice`);
    inputs[name] = value;
  }
  return inputs;
}

function splitAssignment(entry: string, flag: string, shape: string): readonly [string, string] {
  const at = entry.indexOf('=');
  if (at > 0 && at < entry.length - 1) return [entry.slice(0, at), entry.slice(at + 1)];
  throw usage(`${flag} got '${entry}', which is not ${shape}`);
}

function usage(message: string): DrError {
  return new DrError({ code: 'USAGE', message });
}
