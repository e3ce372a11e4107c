/** One document of a YAML stream as kubectl cuts it. */
export interface Chunk {
  readonly text: string;
  /** Line of its first line in the file, 1 and up. */
  readonly line: number;
}

/** A separator line kubectl refuses, such as `--- name: x`. */
export interface BadSeparator {
  readonly line: number;
  readonly text: string;
}

/**
 * Cuts a stream at lines that start with `---`, before any YAML is read. kubectl does the same, so a broken document does not hide faults of the next one
 * and a document never reaches into another. Only blanks and a comment may follow on the separator line.
 *
 * @see k8s.io/apimachinery v0.36 `pkg/util/yaml/decoder.go`, `YAMLReader.Read`
 */
export function splitDocuments(text: string): { readonly chunks: readonly Chunk[]; readonly badSeparators: readonly BadSeparator[] } {
  const chunks: Chunk[] = [];
  const badSeparators: BadSeparator[] = [];
  let start = 0;
  let startLine = 1;
  let line = 1;
  for (let at = 0; at < text.length; line += 1) {
    const newline = text.indexOf('\n', at);
    const end = newline === -1 ? text.length : newline;
    const next = newline === -1 ? text.length : newline + 1;
    if (text.startsWith('---', at)) {
      const rest = text.slice(at + 3, end).trim();
      if (rest !== '' && !rest.startsWith('#')) badSeparators.push({ line, text: text.slice(at, end) });
      if (at > start) chunks.push({ text: text.slice(start, at), line: startLine });
      start = next;
      startLine = line + 1;
    }
    at = next;
  }
  if (start < text.length) chunks.push({ text: text.slice(start), line: startLine });
  return { chunks, badSeparators };
}
