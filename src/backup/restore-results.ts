/** What a Velero Restore has to say, `namespace: text` each (`restores/<name>/restore-<name>-results.gz`). */
export interface RestoreResults {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** A claim whose data did not come, and the volume it names. */
export interface ShortClaim {
  /** `namespace/name`. */
  readonly claim: string;
  readonly volume?: string;
  readonly reason: string;
}

export interface Triage {
  /** Each short claim with Velero's own words about it, if it has any. */
  readonly short: readonly { readonly claim: string; readonly reason: string; readonly said: readonly string[] }[];
  /** Errors that name none of them: they may be the cause, or about something else. */
  readonly unassigned: readonly string[];
  /** Nothing that the data depends on. */
  readonly irrelevant: readonly string[];
}

/**
 * Sorts what Velero says by what came of it. Counts and phases tell nothing: a failed log upload makes a restore PartiallyFailed that brought everything
 * back (Velero 1.18 restore_controller.go), and a volume that came empty is a warning or nothing at all. Once every claim is proven, no line matters.
 */
export function triageRestore({ errors, warnings }: RestoreResults, short: readonly ShortClaim[]): Triage {
  if (short.length === 0) return { short: [], unassigned: [], irrelevant: [...errors, ...warnings] };
  const assigned = new Set<string>();
  const named = short.map(({ claim, volume, reason }) => {
    const names = [claim.split('/')[1] ?? claim, ...(volume === undefined ? [] : [volume])];
    const said = errors.filter((line) => names.some((name) => mentions(line, name)));
    for (const line of said) assigned.add(line);
    return { claim, reason, said };
  });
  return { short: named, unassigned: errors.filter((line) => !assigned.has(line)), irrelevant: warnings };
}

/** Whether a line names an object: the whole name, not one that begins with it. */
function mentions(line: string, name: string): boolean {
  return new RegExp(`(^|[^a-z0-9.-])${name.replaceAll('.', '\\.')}($|[^a-z0-9.-])`).test(line);
}
