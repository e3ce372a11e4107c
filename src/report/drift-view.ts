import type { JsonValue } from '../model/json.ts';
import type { DriftResult } from '../operations/drift.ts';
import { textTable } from './text-table.ts';

/** Longer values are cut in a table; `--json` has all of them. */
const MAX_VALUE = 36;
/** More rows than this are counted: nobody reads them in a terminal. */
const MAX_ROWS = 200;

const HEADINGS = ['OBJECT', 'FIELD', 'RISK', 'GIT', 'BACKUP', 'LIVE', 'PLAN SAYS'];

/** Shows in what git, a backup and the living cluster differ: one row for each field. */
export function driftView(result: DriftResult): string {
  const { objects, weights, sides, compared, commit, backups, findings } = result;
  const weightOf = new Map(weights.map((weight) => [`${weight.object} ${weight.path}`, weight]));
  const rows = objects.flatMap(({ key, fields }) =>
    fields.map(({ path, risk, values }) => {
      const weight = weightOf.get(`${key} ${path}`);
      const verdict = weight === undefined ? '' : weight.decided ? 'decided' : { block: 'blocks', warn: 'warns', show: '' }[weight.weight];
      return [
        key,
        path === '' ? '(the whole object)' : path,
        risk,
        ...(['git', 'backup', 'live'] as const).map((side) => (sides.includes(side) ? cell(values[side]) : '')),
        verdict,
      ];
    }),
  );
  const what = `${compared} objects compared: git at ${commit.slice(0, 12)}${backups.length === 0 ? '' : `, backup ${backups.join(' and ')}`}${sides.includes('live') ? ', the living cluster' : ''}`;
  return [
    `${what}\n`,
    rows.length === 0 ? '' : `\n${textTable([HEADINGS, ...rows.slice(0, MAX_ROWS)])}`,
    rows.length > MAX_ROWS ? `and ${rows.length - MAX_ROWS} more fields; --json has all of them\n` : '',
    `\n${summary(result, rows.length)}\n`,
    ...findings.map((finding) => `note: ${finding}\n`),
    conditionsText(result),
    ...result.byHand.map((text) => `by hand: ${text}\n`),
  ].join('');
}

function summary({ objects, blocking, warnings }: DriftResult, fields: number): string {
  if (fields === 0) return 'no differences';
  return `${fields} ${fields === 1 ? 'field' : 'fields'} of ${objects.length} ${objects.length === 1 ? 'object' : 'objects'} ${fields === 1 ? 'differs' : 'differ'}: ${blocking} would block a recovery until a person decides, ${warnings} warn`;
}

function conditionsText({ conditions }: DriftResult): string {
  if (conditions === undefined) return '';
  const { differing, cleared, unchanged, findings } = conditions;
  return [`conditions: ${differing} written, ${cleared} taken back, ${unchanged} as they were\n`, ...findings.map((finding) => `note: ${finding}\n`)].join('');
}

function cell(value: JsonValue | undefined): string {
  if (value === undefined) return '-';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE - 3)}...` : text;
}
