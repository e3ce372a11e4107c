import type { FieldDiff, PlannedChange } from '../model/change.ts';
import type { JsonValue } from '../model/json.ts';

/** More differing fields than this are counted, not listed: nobody reads them, and `--json` has all. */
const MAX_DIFFS = 12;
/** Longer values are cut in the middle of a line for people. */
const MAX_VALUE = 60;

const SIGNS: Readonly<Record<PlannedChange['verb'], string>> = { create: '+', configure: '~', delete: '-', run: '>' };

/** Writes planned changes for people, one line each and one for each differing field. */
export function changeLines(changes: readonly PlannedChange[], indent = ''): readonly string[] {
  return changes.flatMap(({ verb, subject, diffs = [], note }) => [
    `${indent}${SIGNS[verb]} ${verb} ${subject}${note === undefined ? '' : ` (${note})`}`,
    ...diffs.slice(0, MAX_DIFFS).map((diff) => `${indent}    ${diffText(diff)}`),
    ...(diffs.length > MAX_DIFFS ? [`${indent}    and ${diffs.length - MAX_DIFFS} more fields`] : []),
  ]);
}

function diffText({ path, from, to }: FieldDiff): string {
  if (from === undefined) return `${path}: ${valueText(to)}`;
  if (to === undefined) return `${path}: ${valueText(from)} removed`;
  return `${path}: ${valueText(from)} -> ${valueText(to)}`;
}

function valueText(value: JsonValue | undefined): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}...` : text;
}
