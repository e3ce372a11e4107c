import { DrError } from '../errors/dr-error.ts';
import { type Digest, digestOf } from '../model/digest.ts';
import type { RunId } from '../model/ids.ts';
import type { LogSegment } from '../ports/run-store.ts';
import { type EntryBody, type JournalEntry, parseEntry } from './journal-entries.ts';

/** Where the next line of a journal joins: number and digest of the last one. */
export interface ChainEnd {
  readonly seq: number;
  readonly digest: Digest;
}

/** A journal as read: entries in order, where to append, and what was not counted. */
export interface JournalText {
  readonly entries: readonly JournalEntry[];
  readonly end: ChainEnd;
  /** Number of segments, which is the number of owners so far. */
  readonly segments: number;
  /** Bytes of an unfinished last line, of the last segment that has lines. */
  readonly torn: { readonly segment: number; readonly bytes: number } | undefined;
  /** Lines that an owner wrote after another one had taken the run over; they count for nothing. */
  readonly fencedLines: number;
}

interface Line {
  readonly entry: JournalEntry;
  readonly digest: Digest;
}

/** The digest before the first line. It depends on the run, so that one run's journal cannot stand in for another's. */
export function genesis(run: RunId): ChainEnd {
  return { seq: 0, digest: digestOf(`lattice-dr journal of ${run}`) };
}

/** Writes a line that joins at `end`, and the end after it. */
export function encodeLine(body: EntryBody, end: ChainEnd, at: string): { readonly line: string; readonly end: ChainEnd; readonly entry: JournalEntry } {
  const entry: JournalEntry = { seq: end.seq + 1, prev: end.digest, at, ...body };
  const line = JSON.stringify(entry);
  return { line, end: { seq: entry.seq, digest: digestOf(line) }, entry };
}

/**
 * Reads and verifies a journal. Each owner's first line names the digest it joined at; whatever an earlier owner appended after that point came too
 * late and is fenced. An unfinished line at the end of a segment was never acknowledged to anybody and is cut. Anything else that does not fit throws
 * `JOURNAL_BROKEN` with segment and line.
 */
export function readJournal(run: RunId, segments: readonly LogSegment[]): JournalText {
  const lines: Line[] = [];
  let torn: JournalText['torn'];
  let fencedLines = 0;
  for (const [index, segment] of segments.entries()) {
    const reader = new SegmentReader(run, index + 1, segment.text);
    const first = reader.texts[0];
    if (first === undefined) {
      torn = reader.tornBytes > 0 ? { segment: index + 1, bytes: reader.tornBytes } : torn;
      continue;
    }
    fencedLines += fence(lines, reader);
    reader.readInto(lines);
    torn = reader.tornBytes > 0 ? { segment: index + 1, bytes: reader.tornBytes } : undefined;
  }
  return { entries: lines.map((line) => line.entry), end: endOf(run, lines), segments: segments.length, torn, fencedLines };
}

function endOf(run: RunId, lines: readonly Line[]): ChainEnd {
  const last = lines.at(-1);
  return last === undefined ? genesis(run) : { seq: last.entry.seq, digest: last.digest };
}

/** Takes away the lines after the one that the segment's first line names; says how many. */
function fence(lines: Line[], reader: SegmentReader): number {
  const { prev } = reader.parse(0);
  let keep = lines.length;
  while (keep > 0 && lines[keep - 1]?.digest !== prev) keep -= 1;
  // Nothing found: leave all, and the ordinary check of the first line reports the break with its number.
  const from = keep === 0 && genesis(reader.run).digest !== prev ? lines.length : keep;
  return lines.splice(from).length;
}

/** One owner's text, cut into whole lines. */
class SegmentReader {
  readonly run: RunId;
  readonly texts: readonly string[];
  readonly tornBytes: number;
  readonly #number: number;

  constructor(run: RunId, number: number, text: string) {
    this.run = run;
    this.#number = number;
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const lines = whole === '' ? [] : whole.slice(0, -1).split('\n');
    // After a power cut a file may have its new length but blocks of NUL: such a line was never synced, so never acknowledged.
    const good = lines.at(-1)?.includes('\0') === true ? lines.slice(0, -1) : lines;
    this.texts = good;
    const torn = good.length === lines.length ? text.slice(whole.length) : text.slice(whole.length - 1 - (lines.at(-1)?.length ?? 0));
    this.tornBytes = Buffer.byteLength(torn);
  }

  readInto(lines: Line[]): void {
    let end = endOf(this.run, lines);
    for (const [index, text] of this.texts.entries()) {
      const entry = this.parse(index);
      if (entry.prev !== end.digest) throw this.#broken(index, 'the line before it is not the one it was written after');
      if (entry.seq !== end.seq + 1) throw this.#broken(index, `it has number ${entry.seq} where ${end.seq + 1} belongs`);
      end = { seq: entry.seq, digest: digestOf(text) };
      lines.push({ entry, digest: end.digest });
    }
  }

  parse(index: number): JournalEntry {
    const text = this.texts[index] ?? '';
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw this.#broken(index, 'it is not JSON');
    }
    const parsed = parseEntry(value);
    if (!parsed.ok) throw this.#broken(index, parsed.fault);
    return parsed.entry;
  }

  #broken(index: number, fault: string): DrError {
    return new DrError({
      code: 'JOURNAL_BROKEN',
      message: `journal of run '${this.run}', segment ${this.#number}, line ${index + 1}: ${fault}`,
      details: { run: this.run, segment: this.#number, line: index + 1 },
      suggestions: ['do not resume this run: its record was changed or damaged', 'start a new run, which looks at the world again before it acts'],
    });
  }
}
