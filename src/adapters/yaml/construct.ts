import { type AliasEvent, EVENT_ID, type Event, getScalarValue, type MappingEvent, SCALAR_STYLE, type ScalarEvent, type SequenceEvent } from 'js-yaml';
import type { JsonValue } from '../../model/json.ts';
import { goRefusal } from './go-limits.ts';
import { keyText, resolvePlainScalar, resolveTaggedScalar, type ScalarResult } from './plain-scalar.ts';

/** A place in a chunk and what is wrong there. `offset` counts UTF-16 units from the start of the chunk. */
export interface Trouble {
  readonly offset: number;
  readonly message: string;
}

/** What one chunk holds. `value` is `undefined` when it holds nothing but comments and blanks. */
export interface Constructed {
  readonly value: JsonValue | undefined;
  /** Offset of the first node; 0 when there is none. */
  readonly offset: number;
  readonly duplicateKeys: readonly Trouble[];
  readonly inexact: readonly Trouble[];
  /** Start of a second YAML document after `...`, which kubectl ignores. */
  readonly ignoredFrom: number | undefined;
}

/** Thrown for what kubectl refuses while it turns YAML into JSON. */
export class ConstructError extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

type Mapping = { [key: string]: JsonValue };

/** A collection being filled. `nodes` counts its nodes for the alias limit. */
interface Frame {
  readonly value: JsonValue[] | Mapping;
  readonly anchor: string | undefined;
  readonly nodesBefore: number;
  /** Keys that were numbers or booleans before they became text; made when the first one is met. */
  converted: Set<string> | undefined;
  key: string | undefined;
  keyOffset: number;
  merging: boolean;
}

interface Anchor {
  readonly value: JsonValue;
  readonly nodes: number;
  readonly complete: boolean;
  /** Set for scalars: an alias in key position needs its type. */
  readonly scalar?: ScalarResult;
}

const CORE_TAG = 'tag:yaml.org,2002:';
/** go-yaml refuses a document when more than 99 % of over 1,000 decoded nodes come from aliases (`decode.go`, `allowedAliasRatio`). */
const ALIAS_MINIMUM = 100;
const ALIAS_NODES_MINIMUM = 1_000;
const ALIAS_RATIO = 0.99;

/**
 * Builds JSON from the events of one chunk with go-yaml v2's rules: the last of two equal keys wins, `<<` merges at its place (so it overrides keys before
 * it), numbers and booleans as keys become text, an anchor may not contain itself.
 */
export class Constructor {
  readonly #source: string;
  readonly #frames: Frame[] = [];
  readonly #anchors = new Map<string, Anchor>();
  readonly #duplicateKeys: Trouble[] = [];
  readonly #inexact: Trouble[] = [];
  #root: JsonValue | undefined;
  #offset = 0;
  #nodes = 0;
  #aliasNodes = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** Reads the first document of the events. Throws `ConstructError`. */
  build(events: readonly Event[]): Constructed {
    let depth = 0;
    for (const event of events) {
      if (event.type === EVENT_ID.DOCUMENT) {
        depth += 1;
        if (depth > 1) break;
      } else if (event.type === EVENT_ID.POP) this.#pop();
      else this.#node(event);
    }
    return { value: this.#root, offset: this.#offset, duplicateKeys: this.#duplicateKeys, inexact: this.#inexact, ignoredFrom: ignoredFrom(events) };
  }

  #node(event: ScalarEvent | SequenceEvent | MappingEvent | AliasEvent): void {
    this.#nodes += 1;
    const offset = offsetOf(event);
    if (this.#nodes === 1) this.#offset = offset;
    if (event.type === EVENT_ID.SCALAR) this.#scalar(event, offset);
    else if (event.type === EVENT_ID.ALIAS) this.#alias(event, offset);
    else this.#open(event, offset);
  }

  #open(event: SequenceEvent | MappingEvent, offset: number): void {
    if (this.#expectsKey()) throw new ConstructError(offset, 'a map or list cannot be a key');
    const value: JsonValue[] | Mapping = event.type === EVENT_ID.SEQUENCE ? [] : {};
    const anchor = this.#text(event.anchorStart, event.anchorEnd);
    if (anchor !== undefined) this.#anchors.set(anchor, { value, nodes: 0, complete: false });
    this.#frames.push({ value, anchor, nodesBefore: this.#nodes - 1, converted: undefined, key: undefined, keyOffset: offset, merging: false });
  }

  #pop(): void {
    const frame = this.#frames.pop();
    if (frame === undefined) return;
    if (frame.anchor !== undefined) this.#anchors.set(frame.anchor, { value: frame.value, nodes: this.#nodes - frame.nodesBefore, complete: true });
    this.#add(frame.value, frame.keyOffset);
  }

  #scalar(event: ScalarEvent, offset: number): void {
    const scalar = this.#resolve(event, offset);
    const anchor = this.#text(event.anchorStart, event.anchorEnd);
    if (anchor !== undefined && 'tag' in scalar) this.#anchors.set(anchor, { value: scalar.value, nodes: 1, complete: true, scalar });
    if (this.#expectsKey()) this.#setKey(scalar, offset);
    else this.#add('tag' in scalar ? scalar.value : null, offset);
  }

  #resolve(event: ScalarEvent, offset: number): ScalarResult {
    const refusal = goRefusal(this.#source, event, this.#expectsKey());
    if (refusal !== undefined) throw new ConstructError(offset, refusal);
    const text = getScalarValue(this.#source, event);
    const tag = this.#coreTag(event.tagStart, event.tagEnd);
    const result =
      tag !== undefined
        ? resolveTaggedScalar(text, tag)
        : event.style === SCALAR_STYLE.PLAIN
          ? resolvePlainScalar(text)
          : ({ value: text, tag: 'str' } as const);
    if ('refused' in result) throw new ConstructError(offset, result.refused);
    if ('inexact' in result) this.#inexact.push({ offset, message: `the number ${result.inexact} cannot be carried exactly` });
    return result;
  }

  #alias(event: AliasEvent, offset: number): void {
    const name = this.#text(event.anchorStart, event.anchorEnd) ?? '';
    const anchor = this.#anchors.get(name);
    if (anchor === undefined) throw new ConstructError(offset, `unknown anchor ${name}`);
    if (!anchor.complete) throw new ConstructError(offset, `the value of anchor ${name} contains itself`);
    this.#nodes += anchor.nodes;
    this.#aliasNodes += anchor.nodes;
    const excessive = this.#aliasNodes > ALIAS_MINIMUM && this.#nodes > ALIAS_NODES_MINIMUM && this.#aliasNodes / this.#nodes > ALIAS_RATIO;
    if (excessive) throw new ConstructError(offset, 'excessive aliasing');
    if (!this.#expectsKey()) this.#add(anchor.value, offset);
    else if (anchor.scalar === undefined) throw new ConstructError(offset, 'a map or list cannot be a key');
    else this.#setKey(anchor.scalar, offset);
  }

  #expectsKey(): boolean {
    const frame = this.#frames.at(-1);
    return frame !== undefined && !Array.isArray(frame.value) && frame.key === undefined && !frame.merging;
  }

  #setKey(scalar: ScalarResult, offset: number): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) return;
    frame.keyOffset = offset;
    if ('tag' in scalar && scalar.tag === 'merge') {
      frame.merging = true;
      return;
    }
    const key = keyText(scalar);
    if (key === undefined) throw new ConstructError(offset, 'null cannot be a key');
    const isText = 'tag' in scalar && typeof scalar.value === 'string';
    if (Object.hasOwn(frame.value, key)) this.#duplicate(key, offset, isText === (frame.converted?.has(key) ?? false));
    if (!isText) (frame.converted ??= new Set()).add(key);
    frame.key = key;
  }

  /** Two keys of different YAML types that become one text are two keys to go-yaml, and which of them survives is chance (Go's map order). */
  #duplicate(key: string, offset: number, differ: boolean): void {
    if (differ)
      throw new ConstructError(offset, `the key ${JSON.stringify(key)} is written as text and as a number or boolean: kubectl keeps one of the two by chance`);
    this.#duplicateKeys.push({ offset, message: `the key ${JSON.stringify(key)} is written twice; the last one counts` });
  }

  #add(value: JsonValue, offset: number): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) this.#root = value;
    else if (Array.isArray(frame.value)) frame.value.push(value);
    else if (frame.merging) {
      frame.merging = false;
      merge(frame.value, value, offset);
    } else if (frame.key !== undefined) {
      setOwn(frame.value, frame.key, value);
      frame.key = undefined;
    }
  }

  #coreTag(start: number, end: number): string | undefined {
    const raw = this.#text(start, end);
    if (raw === undefined) return undefined;
    if (raw.startsWith('!!')) return raw.slice(2);
    if (raw.startsWith(`!<${CORE_TAG}`) && raw.endsWith('>')) return raw.slice(2 + CORE_TAG.length, -1);
    return 'str';
  }

  #text(start: number, end: number): string | undefined {
    return start === -1 || start === end ? undefined : this.#source.slice(start, end);
  }
}

/** Sets a key without ever touching a prototype (`__proto__` is an ordinary key in YAML). */
function setOwn(target: Mapping, key: string, value: JsonValue): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

function merge(target: Mapping, value: JsonValue, offset: number): void {
  const sources = Array.isArray(value) ? value.toReversed() : [value];
  for (const source of sources) {
    if (source === null || typeof source !== 'object' || Array.isArray(source)) throw new ConstructError(offset, '<< needs a map or a list of maps');
    for (const [key, item] of Object.entries(source as Mapping)) setOwn(target, key, item);
  }
}

function offsetOf(event: ScalarEvent | SequenceEvent | MappingEvent | AliasEvent): number {
  if (event.type === EVENT_ID.SCALAR) return Math.max(event.valueStart, event.anchorStart, event.tagStart, 0);
  if (event.type === EVENT_ID.ALIAS) return Math.max(event.anchorStart - 1, 0);
  return Math.max(event.start, 0);
}

function ignoredFrom(events: readonly Event[]): number | undefined {
  const second = events.findIndex((event, index) => index > 0 && event.type === EVENT_ID.DOCUMENT);
  if (second === -1) return undefined;
  const first = events.slice(second).find((event) => event.type !== EVENT_ID.DOCUMENT && event.type !== EVENT_ID.POP);
  return first === undefined ? undefined : offsetOf(first);
}
