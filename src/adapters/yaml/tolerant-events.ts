import { type Event, parseEvents, YAMLException } from 'js-yaml';

/** Events of a chunk and the text their offsets refer to. */
export interface TolerantEvents {
  readonly events: readonly Event[];
  readonly text: string;
  /** Spaces put in before an offset of `text`, in order: subtract them to get a place in the original. */
  readonly inserted: readonly Insertion[];
}

export interface Insertion {
  readonly offset: number;
  readonly length: number;
}

/**
 * The one complaint of js-yaml 5.5 that kubectl does not share: inside brackets and quotes YAML 1.2 wants continuation lines deeper than their parent,
 * YAML 1.1 (libyaml, go-yaml) does not care. js-yaml gives no code, so the pinned version's words are compared; the conformance table proves them.
 */
const INDENT_COMPLAINT = 'deficient indentation';
/** More lines than this to mend in one document means that something else is wrong. */
const MAX_MENDS = 2_000;

/**
 * Parses one chunk into events and accepts closing brackets, list items and quoted text at any indentation, as kubectl does. Each place js-yaml complains
 * about is inside brackets or quotes, where blanks at the start of a line mean nothing, so it is moved to the right and the chunk read again. Throws
 * `YAMLException` with a position in the original text for everything else.
 */
export function parseEventsLikeGo(source: string): TolerantEvents {
  const inserted: Insertion[] = [];
  let text = source;
  for (let mends = 0; ; mends += 1) {
    try {
      return { events: parseEvents(text, {}), text, inserted };
    } catch (error) {
      const mended =
        error instanceof YAMLException && error.reason === INDENT_COMPLAINT && mends < MAX_MENDS ? mend(text, error.mark?.position ?? 0, inserted) : undefined;
      if (mended === undefined) throw inOriginal(error, inserted, source);
      text = mended;
    }
  }
}

/** Moves the line's content to the right; when it has been moved already, a tab on the line is the cause and becomes a blank. */
function mend(text: string, position: number, inserted: Insertion[]): string | undefined {
  const lineStart = Math.max(text.lastIndexOf('\n', position - 1), text.lastIndexOf('\r', position - 1)) + 1;
  if (text.slice(lineStart, position).trim() === '' && !inserted.some((insertion) => insertion.offset >= lineStart && insertion.offset <= position)) {
    const length = deepestIndent(text) + 2;
    for (const [index, insertion] of inserted.entries()) if (insertion.offset > position) inserted[index] = { ...insertion, offset: insertion.offset + length };
    inserted.push({ offset: position, length });
    return `${text.slice(0, lineStart)}${text.slice(lineStart, position).replaceAll('\t', ' ')}${' '.repeat(length)}${text.slice(position)}`;
  }
  const blanked = text.slice(lineStart, position).replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|\t/g, (token) => (token === '\t' ? ' ' : token));
  const next = `${text.slice(0, lineStart)}${blanked}${text.slice(position)}`;
  return next === text ? undefined : next;
}

function deepestIndent(text: string): number {
  let deepest = 0;
  for (const match of text.matchAll(/^ */gm)) deepest = Math.max(deepest, match[0].length);
  return deepest;
}

/** The offset in the original text for an offset in the mended text. */
export function originalOffset(offset: number, inserted: readonly Insertion[]): number {
  let shift = 0;
  for (const insertion of inserted) if (insertion.offset < offset) shift += insertion.length;
  return Math.max(offset - shift, 0);
}

function inOriginal(error: unknown, inserted: readonly Insertion[], source: string): unknown {
  if (!(error instanceof YAMLException) || error.mark === undefined || inserted.length === 0) return error;
  const position = originalOffset(error.mark.position, inserted);
  return new YAMLException(error.reason, { ...error.mark, buffer: source, position });
}
