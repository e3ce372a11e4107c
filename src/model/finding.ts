/** What a finding is about; stable, so that callers never match on text. */
export type FindingCode =
  | 'yaml-syntax'
  | 'yaml-duplicate-key'
  | 'yaml-ignored-content'
  | 'yaml-inexact-number'
  | 'not-an-object'
  | 'kind-missing'
  | 'api-version-missing'
  | 'name-missing'
  | 'name-generated'
  | 'namespace-missing'
  | 'namespace-ignored'
  | 'namespace-refused'
  | 'duplicate-object'
  | 'duplicate-document'
  | 'metadata-type'
  | 'type-unknown'
  | 'conversion-impossible';

/**
 * Something found in desired state. A fault stops a restore before anything is touched; a note is shown and changes nothing. All findings of all files are
 * collected, never only the first.
 */
export interface Finding {
  readonly code: FindingCode;
  /** File as its source names it. */
  readonly file: string;
  /** Line of the place, 1 and up. */
  readonly line: number;
  /** Column of the place, 1 and up; absent when only the document is known. */
  readonly column?: number;
  /** Object it is about, by `refKey`, when it has one. */
  readonly object?: string;
  /** Field path as kubectl writes it. */
  readonly path?: string;
  /** Lower case: the wrong value, what is wrong with it. */
  readonly message: string;
  readonly suggestion?: string;
}

/** Faults and notes of one reading, each in order of file and line. */
export interface Findings {
  readonly faults: readonly Finding[];
  readonly notes: readonly Finding[];
}

/** One line for people: `apps/shop.yaml:12:3: metadata.name: missing`. */
export function renderFinding(finding: Finding): string {
  const place = finding.column === undefined ? `${finding.file}:${finding.line}` : `${finding.file}:${finding.line}:${finding.column}`;
  const subject = [finding.object, finding.path].filter((part) => part !== undefined).join(' ');
  const hint = finding.suggestion === undefined ? '' : ` (${finding.suggestion})`;
  return `${place}: ${subject === '' ? '' : `${subject}: `}${finding.message}${hint}`;
}
