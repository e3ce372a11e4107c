/** Lines kept around a change, as `diff -u` does. */
const CONTEXT = 3;
/** Above this many compared pairs the changed part is shown as one block: still right, only longer. */
const MAX_CELLS = 4_000_000;

type Line = { readonly kind: ' ' | '-' | '+'; readonly text: string };

/** A unified diff of two texts that `patch -p1` and `git apply` take; empty when they are equal. */
export function unifiedDiff(path: string, before: string, after: string): string {
  if (before === after) return '';
  const lines = compareLines(splitLines(before), splitLines(after));
  const hunks = hunksOf(lines);
  return [`--- a/${path}`, `+++ b/${path}`, ...hunks].join('\n').concat('\n');
}

function splitLines(text: string): readonly string[] {
  return text.endsWith('\n')
    ? text.slice(0, -1).split('\n')
    : [...text.split('\n').slice(0, -1), `${text.slice(text.lastIndexOf('\n') + 1)}\n\\ No newline at end of file`];
}

function compareLines(before: readonly string[], after: readonly string[]): readonly Line[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < before.length - head && tail < after.length - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const old = before.slice(head, before.length - tail);
  const fresh = after.slice(head, after.length - tail);
  const middle = old.length * fresh.length > MAX_CELLS ? [...mark('-', old), ...mark('+', fresh)] : byCommonSubsequence(old, fresh);
  return [...mark(' ', before.slice(0, head)), ...middle, ...mark(' ', before.slice(before.length - tail))];
}

function mark(kind: Line['kind'], lines: readonly string[]): readonly Line[] {
  return lines.map((text) => ({ kind, text }));
}

function byCommonSubsequence(old: readonly string[], fresh: readonly string[]): readonly Line[] {
  const width = fresh.length + 1;
  const length = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = fresh.length - 1; j >= 0; j -= 1) {
      const same = old[i] === fresh[j];
      length[i * width + j] = same ? (length[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(length[(i + 1) * width + j] ?? 0, length[i * width + j + 1] ?? 0);
    }
  }
  const lines: Line[] = [];
  for (let i = 0, j = 0; i < old.length || j < fresh.length; ) {
    const [left, right] = [old[i], fresh[j]];
    if (left !== undefined && left === right) {
      lines.push({ kind: ' ', text: left });
      i += 1;
      j += 1;
    } else if (left !== undefined && (right === undefined || (length[(i + 1) * width + j] ?? 0) >= (length[i * width + j + 1] ?? 0))) {
      lines.push({ kind: '-', text: left });
      i += 1;
    } else {
      lines.push({ kind: '+', text: right ?? '' });
      j += 1;
    }
  }
  return lines;
}

function hunksOf(lines: readonly Line[]): readonly string[] {
  const changed = lines.flatMap((line, index) => (line.kind === ' ' ? [] : [index]));
  const ranges: { start: number; end: number }[] = [];
  for (const index of changed) {
    const last = ranges.at(-1);
    const start = Math.max(0, index - CONTEXT);
    const end = Math.min(lines.length, index + CONTEXT + 1);
    if (last !== undefined && start <= last.end) last.end = end;
    else ranges.push({ start, end });
  }
  return ranges.flatMap(({ start, end }) => [header(lines, start, end), ...lines.slice(start, end).map((line) => `${line.kind}${line.text}`)]);
}

function header(lines: readonly Line[], start: number, end: number): string {
  const count = (part: readonly Line[], without: Line['kind']): number => part.filter((line) => line.kind !== without).length;
  const part = lines.slice(start, end);
  const [old, fresh] = [count(part, '+'), count(part, '-')];
  const [oldStart, freshStart] = [count(lines.slice(0, start), '+') + (old === 0 ? 0 : 1), count(lines.slice(0, start), '-') + (fresh === 0 ? 0 : 1)];
  return `@@ -${oldStart},${old} +${freshStart},${fresh} @@`;
}
