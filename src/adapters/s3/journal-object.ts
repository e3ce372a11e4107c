import { DrError } from '../../errors/dr-error.ts';
import type { LogSegment } from '../../ports/run-store.ts';

/** Raise when old readers would misread an object. */
const FORMAT = 1;
/** Nine digits hold one object a second for thirty years, and sort as text. */
const DIGITS = 9;

/** One object of a journal: either the opener of an owner's segment, or lines that this owner wrote. */
export interface JournalObject {
  readonly kind: 'owner' | 'lines';
  /** A random word for each ownership, so that no two writers ever write the same bytes. */
  readonly writer: string;
  /** The owner's tag, or whole lines. */
  readonly text: string;
}

/** Key of the object with a number, which counts from 1 without gaps. */
export function journalKey(run: string, number: number): string {
  return `${journalPrefix(run)}${String(number).padStart(DIGITS, '0')}`;
}

/** Keys of a run's journal begin so. */
export function journalPrefix(run: string): string {
  return `runs/${run}/journal/`;
}

/** An object as bytes: a header line, then the text. */
export function writeJournalObject({ kind, writer, text }: JournalObject): Uint8Array {
  return Buffer.from(`${JSON.stringify({ format: FORMAT, kind, writer })}\n${text}`);
}

/** Reads an object. Throws `JOURNAL_BROKEN` with its key for anything that this version does not write. */
export function readJournalObject(key: string, body: Uint8Array): JournalObject {
  const content = Buffer.from(body).toString();
  const end = content.indexOf('\n');
  const header = headerOf(end < 0 ? content : content.slice(0, end));
  if (end < 0 || header === undefined) throw brokenJournal(`'${key}' does not begin with a header of format ${FORMAT}`);
  return { ...header, text: content.slice(end + 1) };
}

function headerOf(line: string): Omit<JournalObject, 'text'> | undefined {
  try {
    const { format, kind, writer } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (format === FORMAT && (kind === 'owner' || kind === 'lines') && typeof writer === 'string') return { kind, writer };
  } catch {
    // Not JSON, or no object: no header either way.
  }
  return undefined;
}

/** Joins objects, in order, to the segments of their owners. Throws `JOURNAL_BROKEN` for lines of anybody but the last owner. */
export function segmentsOf(run: string, objects: readonly JournalObject[]): readonly LogSegment[] {
  const segments: { owner: string; writer: string; parts: string[] }[] = [];
  for (const [index, { kind, writer, text }] of objects.entries()) {
    const last = segments.at(-1);
    if (kind === 'owner') segments.push({ owner: text, writer, parts: [] });
    else if (last?.writer === writer) last.parts.push(text);
    else throw brokenJournal(`'${journalKey(run, index + 1)}' was not written by the owner of its segment`);
  }
  return segments.map(({ owner, parts }) => ({ owner, text: parts.join('') }));
}

/** A journal that is not as it was written. */
export function brokenJournal(what: string): DrError {
  return new DrError({
    code: 'JOURNAL_BROKEN',
    message: `the journal in the state store is damaged: ${what}`,
    suggestions: [
      'look whether a rule of the bucket deletes objects, or somebody changed them; do not resume this run',
      'start a new run, which looks at the world again before it acts',
    ],
  });
}
