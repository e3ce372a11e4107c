import { stripVTControlCharacters } from 'node:util';

/** Text of several lines as one. */
export function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}

/** Lays rows out in columns, two spaces apart, each row in one line; the first row is the heading. Columns whose index is in `right` are aligned right. Gives '' for no rows. */
export function textTable(cells: readonly (readonly string[])[], right: readonly number[] = []): string {
  const rows = cells.map((row) => row.map(oneLine));
  const widths: number[] = [];
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(cell));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, index) => pad(cell, widths[index] ?? 0, right.includes(index)))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function pad(cell: string, width: number, right: boolean): string {
  const space = ' '.repeat(width - widthOf(cell));
  return right ? space + cell : cell + space;
}

function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length;
}

/** A Markdown table; the first row is the heading. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [heading = [], ...body] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => oneLine(cell).replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(heading) + line(heading.map(() => '---')) + body.map(line).join('');
}
