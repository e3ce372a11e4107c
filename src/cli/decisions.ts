import type { Acceptance } from '../engine/acceptances.ts';
import type { Decisions } from '../engine/decisions.ts';
import { DrError } from '../errors/dr-error.ts';

/** The flag about an owner that cannot be looked at from here. */
export interface OwnerFlags {
  readonly 'owner-gone'?: string | undefined;
  readonly 'take-over'?: string | undefined;
}

/** Flags that carry decisions, as parsed. */
export interface DecisionFlags extends OwnerFlags {
  readonly confirm?: string | undefined;
  readonly approve?: readonly string[] | undefined;
  readonly attest?: readonly string[] | undefined;
  readonly skip?: readonly string[] | undefined;
  readonly 'override-safety'?: readonly string[] | undefined;
  readonly 'accept-pruned'?: readonly string[] | undefined;
  readonly 'wait-for-answers'?: string | undefined;
}

/** Reads the decision flags. Throws `USAGE` for one that is not `STEP=TEXT`, names a step twice, or both skips and overrides a step. */
export function parseDecisions({ confirm, approve = [], attest = [], ...flags }: DecisionFlags): Decisions {
  const skip = textsByStep(flags.skip, '--skip', 'STEP=REASON');
  const overrideSafety = textsByStep(flags['override-safety'], '--override-safety', 'STEP=REASON');
  const both = Object.keys(skip).find((step) => Object.hasOwn(overrideSafety, step));
  if (both !== undefined) throw usage(`both --skip and --override-safety name step '${both}'`);
  const accept = parseAccepted(flags);
  return {
    ...(confirm === undefined ? {} : { confirm }),
    approve,
    attest: textsByStep(attest, '--attest', 'STEP=TEXT'),
    skip,
    overrideSafety,
    ...(accept.length === 0 ? {} : { accept }),
  };
}

/** Reads the flags about what is taken into account. */
export function parseAccepted({ 'accept-pruned': pruned = [] }: Pick<DecisionFlags, 'accept-pruned'>): readonly Acceptance[] {
  return pruned.map((subject) => ({ what: 'pruned' as const, subject }));
}

function textsByStep(entries: readonly string[] = [], flag: string, shape: string): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const entry of entries) {
    const [step, text] = splitAssignment(entry, flag, shape);
    if (Object.hasOwn(texts, step)) throw usage(`${flag} names step '${step}' twice`);
    texts[step] = text;
  }
  return texts;
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
