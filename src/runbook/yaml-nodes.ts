import { type Alias, type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import type { JsonValue } from '../model/json.ts';
import type { DocPath } from './faults.ts';

/** Where a value stands in the text, as offsets. `keyStart` is the start of its key, for a value of a map. */
export interface NodeSpan {
  readonly start: number;
  readonly end: number;
  readonly keyStart?: number;
}

/** Something in the document that JSON cannot say. */
export interface NodeProblem {
  readonly offset: number;
  readonly path: DocPath;
  readonly message: string;
}

/** A YAML document as JSON, with the span of each path (keyed by the path as JSON text). */
export interface ReadNodes {
  readonly data: JsonValue;
  readonly spans: ReadonlyMap<string, NodeSpan>;
  readonly problems: readonly NodeProblem[];
}

/** Values one document may have once its aliases are followed: a few kilobytes of nested aliases could else fill the memory. */
const MAX_VALUES = 100_000;

/** Turns a parsed YAML document into JSON. Aliases are followed; merge keys (`<<`) are no part of YAML 1.2 and stay ordinary keys. */
export function readNodes(document: Document): ReadNodes {
  const reader = new NodeReader(document);
  const data = reader.read(document.contents, [], undefined);
  return { data, spans: reader.spans, problems: reader.problems };
}

class NodeReader {
  readonly spans = new Map<string, NodeSpan>();
  readonly problems: NodeProblem[] = [];
  readonly #document: Document;
  readonly #open = new Set<Node>();
  #count = 0;

  constructor(document: Document) {
    this.#document = document;
  }

  read(node: Node | null, path: DocPath, keyNode: Node | undefined): JsonValue {
    this.#count += 1;
    const start = node?.range?.[0] ?? keyNode?.range?.[1] ?? 0;
    const keyStart = keyNode?.range?.[0];
    this.spans.set(JSON.stringify(path), { start, end: node?.range?.[1] ?? start, ...(keyStart === undefined ? {} : { keyStart }) });
    if (this.#count > MAX_VALUES) return this.#problem({ offset: start, path, message: `has more than ${MAX_VALUES} values once its aliases are followed` });
    if (node === null) return null;
    if (isAlias(node)) return this.#alias(node, path, keyNode);
    if (isScalar(node)) return this.#scalar(node, path, start);
    if (this.#open.has(node)) return this.#problem({ offset: start, path, message: 'holds an alias to itself' });
    this.#open.add(node);
    const value = isMap(node) ? this.#map(node, path) : isSeq(node) ? this.#list(node, path) : null;
    this.#open.delete(node);
    return value;
  }

  #alias(node: Alias, path: DocPath, keyNode: Node | undefined): JsonValue {
    const target = node.resolve(this.#document);
    if (target !== undefined) return this.#count > MAX_VALUES ? null : this.read(target, path, keyNode);
    return this.#problem({ offset: node.range?.[0] ?? 0, path, message: `alias *${node.source} has no anchor &${node.source} before it` });
  }

  #scalar(node: Scalar, path: DocPath, offset: number): JsonValue {
    const { value } = node;
    if (typeof value !== 'number') return typeof value === 'string' || typeof value === 'boolean' ? value : null;
    if (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))) return value;
    return this.#problem({ offset, path, message: `number ${node.source ?? value} cannot be kept exactly; put it into quotes if it is text` });
  }

  #map(node: YAMLMap, path: DocPath): JsonValue {
    const entries = node.items.map((pair: Pair): [string, JsonValue] => {
      const key = pair.key as Node;
      const text = isScalar(key) && typeof key.value === 'string' ? key.value : undefined;
      if (text === undefined) this.#problem({ offset: key.range?.[0] ?? 0, path, message: 'a key is not text; put it into quotes' });
      const word = text ?? String(key);
      return [word, this.read(pair.value as Node | null, [...path, word], key)];
    });
    return Object.fromEntries(entries);
  }

  #list(node: YAMLSeq, path: DocPath): JsonValue {
    return node.items.map((item, index) => this.read(item as Node | null, [...path, index], undefined));
  }

  #problem(problem: NodeProblem): null {
    if (this.problems.length < 100) this.problems.push(problem);
    return null;
  }
}
