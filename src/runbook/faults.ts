import { distance } from 'fastest-levenshtein';
import { DrError } from '../errors/dr-error.ts';

/** One thing that is wrong in an input file, and where. */
export interface Fault {
  /** As the user named it. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** Path in the document, `spec.steps[2].needs[0]`; empty for the document itself. */
  readonly path: string;
  /** Lower case, no full stop, with the wrong value. */
  readonly message: string;
  /** What to write instead. */
  readonly suggestion?: string;
}

/** Path of keys and list positions in a document. */
export type DocPath = readonly (string | number)[];

/** Writes a path for people: `spec.dns.records[0].server`; a key that is no plain word is quoted. */
export function renderPath(path: DocPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_][-\w]*$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

/** Writes a fault as one line: `file:line:column path: message (did you mean …?)`. */
export function renderFault(fault: Fault): string {
  const where = `${fault.file}:${fault.line}:${fault.column}`;
  const hint = fault.suggestion === undefined ? '' : ` (${fault.suggestion})`;
  return `${where} ${fault.path === '' ? '' : `${fault.path}: `}${fault.message}${hint}`;
}

/** Faults in the order of the files and of the lines in them, each once. Files keep the order in which they first appear. */
export function sortFaults(faults: readonly Fault[]): readonly Fault[] {
  const files = [...new Set(faults.map((fault) => fault.file))];
  const unique = new Map(faults.map((fault) => [renderFault(fault), fault]));
  return [...unique.values()].sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column);
}

/** All faults as one `INPUT_INVALID`; `details.faults` holds them as data. */
export function faultsError(faults: readonly Fault[]): DrError {
  const sorted = sortFaults(faults);
  const count = sorted.length === 1 ? '1 fault' : `${sorted.length} faults`;
  return new DrError({
    code: 'INPUT_INVALID',
    message: `${count} found, nothing was touched:\n${sorted.map((fault) => `  ${renderFault(fault)}`).join('\n')}`,
    details: { faults: sorted.map((fault) => ({ ...fault })) },
    suggestions: ['correct the lines named above and run the command again'],
  });
}

/**
 * The candidate nearest to a misspelt word, or `undefined` when none is near: at most a third of the word's letters may differ (two for short words),
 * because a far guess misleads.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(2, Math.floor(word.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    const gap = distance(word.toLowerCase(), candidate.toLowerCase());
    if (gap < bestDistance && gap < Math.max(word.length, candidate.length)) [best, bestDistance] = [candidate, gap];
  }
  return best;
}

/** `did you mean "x"?` for the nearest candidate, as the `suggestion` of a fault; an empty object when none is near. */
export function didYouMean(word: string, candidates: Iterable<string>): { readonly suggestion?: string } {
  const found = nearest(word, candidates);
  return found === undefined ? {} : { suggestion: `did you mean "${found}"?` };
}
