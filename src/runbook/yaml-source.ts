import { type Document, LineCounter, parseAllDocuments, type YAMLError } from 'yaml';
import type { JsonValue } from '../model/json.ts';
import { type DocPath, type Fault, renderPath } from './faults.ts';
import { type NodeSpan, readNodes } from './yaml-nodes.ts';

/** A file as it was read. */
export interface SourceFile {
  /** As the user named it; used in messages only. */
  readonly file: string;
  readonly text: string;
}

/** A YAML document as JSON that remembers where each part stands. */
export interface YamlSource extends SourceFile {
  /** `undefined` when the YAML itself is wrong; then `faults` says why. */
  readonly data: JsonValue | undefined;
  /** Everything wrong with the YAML itself. */
  readonly faults: readonly Fault[];
  /** A fault at the value of a path (`at: 'key'` for its key). A path that does not exist stands where its nearest existing parent does. */
  faultAt(path: DocPath, fault: { readonly message: string; readonly suggestion?: string; readonly at?: 'key' | 'value'; readonly near?: string }): Fault;
}

/** What to do about YAML errors whose own text does not say it. */
const HINTS: Readonly<Record<string, string>> = {
  TAG_RESOLVE_FAILED: 'put the value into quotes if it is no tag',
  TAB_AS_INDENT: 'indent with spaces',
  BAD_SCALAR_START: 'put the value into quotes',
  BLOCK_AS_IMPLICIT_KEY: 'put a value that holds ": " into quotes',
  MULTILINE_IMPLICIT_KEY: 'put a value that holds ":" into quotes',
};

/**
 * Reads one YAML 1.2 document and keeps the position of each key and value. Duplicate keys, tabs, bad indentation, unknown tags, missing anchors,
 * numbers that JSON cannot hold and second documents are faults; all of them are listed. It never throws on what a user wrote.
 */
export function parseYamlSource(source: SourceFile): YamlSource {
  const lines = new LineCounter();
  const documents = parseAllDocuments(source.text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, logLevel: 'silent', version: '1.2' });
  const at = (offset: number, path: DocPath, message: string): Fault => ({ file: source.file, ...position(lines, offset), path: renderPath(path), message });
  const list: readonly Document[] = Array.isArray(documents) ? documents : [];
  const [first, second] = list;
  const faults = list.flatMap((document) =>
    [...withoutEchoes(document.errors), ...document.warnings].map((error) => yamlFault(error, { text: source.text, at })),
  );
  if (first?.directives?.yaml.explicit === true && first.directives.yaml.version !== '1.2')
    faults.push(at(0, [], 'asks for YAML 1.1, where yes and no are booleans; write YAML 1.2'));
  if (second !== undefined) faults.push(at(second.range?.[0] ?? 0, [], 'has more than one YAML document; write one file for each'));
  if (first === undefined || first.contents === null) faults.push(at(0, [], 'is empty'));
  const read = first?.contents === null || first === undefined ? undefined : readNodes(first);
  faults.push(...(read?.problems ?? []).map((problem) => at(problem.offset, problem.path, problem.message)));
  const spans = read?.spans ?? new Map<string, NodeSpan>();
  return {
    ...source,
    data: faults.length === 0 ? read?.data : undefined,
    faults,
    faultAt: (path, { message, suggestion, at: part = 'value', near }) => {
      const offset = findOffset(path, { spans, text: source.text, part, near });
      return { file: source.file, ...position(lines, offset), path: renderPath(path), message, ...(suggestion === undefined ? {} : { suggestion }) };
    },
  };
}

function position(lines: LineCounter, offset: number): { readonly line: number; readonly column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

/** Errors without those that only repeat that the parser has lost its way: after one unexpected token, each following token is one too. */
function withoutEchoes(errors: readonly YAMLError[]): readonly YAMLError[] {
  return errors.filter((error, index) => error.code !== 'UNEXPECTED_TOKEN' || errors[index - 1]?.code !== 'UNEXPECTED_TOKEN');
}

interface FaultSite {
  readonly text: string;
  readonly at: (offset: number, path: DocPath, message: string) => Fault;
}

function yamlFault(error: YAMLError, { text, at }: FaultSite): Fault {
  const offset = error.pos[0];
  const key = /^[^\s:,}]+/.exec(text.slice(offset))?.[0] ?? '';
  const own = error.code === 'DUPLICATE_KEY' ? `key ${key} is in this map twice` : `${error.message.charAt(0).toLowerCase()}${error.message.slice(1)}`;
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset + 3);
  const hint = HINTS[error.code] ?? (line.includes('${{') ? 'put ${{ }} into quotes within { } and [ ]' : undefined);
  return { ...at(offset, [], own), ...(hint === undefined ? {} : { suggestion: hint }) };
}

interface Search {
  readonly spans: ReadonlyMap<string, NodeSpan>;
  readonly text: string;
  readonly part: 'key' | 'value';
  /** Text within the value to point at, such as one expression of several. */
  readonly near: string | undefined;
}

function findOffset(path: DocPath, search: Search): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const span = search.spans.get(JSON.stringify(path.slice(0, length)));
    if (span === undefined) continue;
    const isExact = length === path.length;
    if (span.keyStart !== undefined && (!isExact || search.part === 'key')) return span.keyStart;
    if (search.near === undefined || !isExact) return span.start;
    const found = search.text.indexOf(search.near, span.start);
    return found >= span.start && found < span.end ? found : span.start;
  }
  return 0;
}
