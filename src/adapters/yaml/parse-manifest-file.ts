import { YAMLException } from 'js-yaml';
import type { Finding, FindingCode } from '../../model/finding.ts';
import type { JsonValue } from '../../model/json.ts';
import type { ManifestDocument, ManifestFile, ParsedFile } from '../../model/manifest.ts';
import { ConstructError, type Constructed, Constructor } from './construct.ts';
import { type JsonItem, parseJsonStream } from './json-stream.ts';
import { type Chunk, splitDocuments } from './split-documents.ts';
import { type Insertion, originalOffset, parseEventsLikeGo } from './tolerant-events.ts';

/**
 * Reads a YAML or JSON file as kubectl does (YAML 1.1 words, octals, streams cut at `---`, duplicate keys, merge keys). Never throws: whatever is wrong is a
 * fault with file, line and column, and the other documents of the file are still read.
 */
export function parseManifestFile(file: ManifestFile): ParsedFile {
  const reader = new FileReader(file.path);
  const text = decodeUtf8(file.content);
  if (text === undefined) reader.fault('yaml-syntax', { line: 1, column: 1 }, 'not UTF-8 text');
  else reader.read(text);
  return reader.result();
}

function decodeUtf8(content: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    // The only failure of a fatal decoder is invalid input, which the caller reports.
    return undefined;
  }
}

interface Place {
  readonly line: number;
  readonly column: number;
}

class FileReader {
  readonly #path: string;
  readonly #documents: ManifestDocument[] = [];
  readonly #faults: Finding[] = [];
  readonly #notes: Finding[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  result(): ParsedFile {
    return { path: this.#path, documents: this.#documents, faults: this.#faults, notes: this.#notes };
  }

  read(text: string): void {
    const json = /^\s*\{/.test(text) ? parseJsonStream(text) : undefined;
    if (json === undefined) this.#yaml(text);
    else for (const item of json) this.#json(item, text);
  }

  #json(item: JsonItem, text: string): void {
    this.#document(item.value, placeOf(text, item.offset, 1).line);
    for (const offset of item.inexact) this.fault('yaml-inexact-number', placeOf(text, offset, 1), INEXACT);
  }

  #yaml(text: string): void {
    const { chunks, badSeparators } = splitDocuments(text);
    for (const bad of badSeparators) this.fault('yaml-syntax', { line: bad.line, column: 1 }, `nothing may follow the separator: ${JSON.stringify(bad.text)}`);
    for (const chunk of chunks) this.#chunk(chunk);
  }

  fault(code: FindingCode, place: Place, message: string): void {
    this.#faults.push({ code, file: this.#path, line: place.line, column: place.column, message });
  }

  #chunk(chunk: Chunk): void {
    const parsed = this.#parse(chunk);
    if (parsed === undefined) return;
    const { built, inserted } = parsed;
    const place = (offset: number): Place => placeOf(chunk.text, originalOffset(offset, inserted), chunk.line);
    for (const key of built.duplicateKeys) this.#note('yaml-duplicate-key', place(key.offset), key.message);
    for (const number of built.inexact) this.fault('yaml-inexact-number', place(number.offset), `${number.message}; ${INEXACT}`);
    if (built.ignoredFrom !== undefined)
      this.fault('yaml-ignored-content', place(built.ignoredFrom), 'kubectl reads nothing after "..." up to the next "---" line');
    if (built.value !== undefined && built.value !== null) this.#document(built.value, place(built.offset).line);
  }

  #parse(chunk: Chunk): { readonly built: Constructed; readonly inserted: readonly Insertion[] } | undefined {
    let inserted: readonly Insertion[] = [];
    try {
      const parsed = parseEventsLikeGo(chunk.text);
      inserted = parsed.inserted;
      return { built: new Constructor(parsed.text).build(parsed.events), inserted };
    } catch (error) {
      if (error instanceof ConstructError) this.fault('yaml-syntax', placeOf(chunk.text, originalOffset(error.offset, inserted), chunk.line), error.message);
      else if (error instanceof YAMLException) this.fault('yaml-syntax', placeOf(chunk.text, error.mark?.position ?? 0, chunk.line), error.reason);
      else throw error;
      return undefined;
    }
  }

  #note(code: FindingCode, place: Place, message: string): void {
    this.#notes.push({ code, file: this.#path, line: place.line, column: place.column, message });
  }

  #document(value: JsonValue, line: number): void {
    this.#documents.push({ path: this.#path, index: this.#documents.length, line, value });
  }
}

const INEXACT = 'a whole number beyond 2^53 would be rounded: write it as text or with a unit';

function placeOf(text: string, offset: number, firstLine: number): Place {
  let line = firstLine;
  let start = 0;
  for (let newline = text.indexOf('\n'); newline !== -1 && newline < offset; newline = text.indexOf('\n', newline + 1)) {
    line += 1;
    start = newline + 1;
  }
  return { line, column: offset - start + 1 };
}
