import type { ASTNode } from '@marcbachmann/cel-js';
import { endOfString } from './template.ts';

const DOTTED = /steps\s*(\.\??)\s*([A-Za-z_](?:[-\w]*\w)?)/y;
const INDEXED = /steps\s*\[(\??)\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*\]/y;
const PREFIX = 's_';

/**
 * Rewrites step ids to identifiers, so that `steps.verify-health.outputs.x` and `steps["fence[cp-1]"].outputs.x` can be written: a hyphen would be a
 * minus to CEL, and `has()` takes no brackets. Text within quotes is left alone.
 */
export function encodeStepIds(source: string): string {
  let result = '';
  for (let at = 0; at < source.length; ) {
    const stringEnd = endOfString(source, at);
    const step = stringEnd === undefined && !/[\w.]/.test(source[at - 1] ?? '') ? stepAt(source, at) : undefined;
    const end = stringEnd ?? step?.end ?? at + 1;
    result += step?.text ?? source.slice(at, end);
    at = end;
  }
  return result;
}

function stepAt(source: string, at: number): { readonly text: string; readonly end: number } | undefined {
  for (const pattern of [DOTTED, INDEXED]) {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match === null) continue;
    const isOptional = match[1]?.includes('?') === true;
    return { text: `steps${isOptional ? '.?' : '.'}${encodeStepId(match[2] ?? match[3] ?? '')}`, end: pattern.lastIndex };
  }
  return undefined;
}

/** A step id as a CEL identifier; `decodeStepId` gives it back. */
export function encodeStepId(id: string): string {
  return PREFIX + id.replace(/[^A-Za-z0-9]/g, (char) => `_${char.charCodeAt(0).toString(16)}_`);
}

/** The step id of an identifier made by `encodeStepId`. */
export function decodeStepId(encoded: string): string {
  if (!encoded.startsWith(PREFIX)) return encoded;
  return encoded.slice(PREFIX.length).replace(/_([0-9a-f]+)_/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/**
 * Rewrites `has(a.b.c)` to `(has(a.b) && has(a.b.c))`, so that it is false, and no error, when a part before the last is absent: skipped steps and
 * optional sections of a plan have no part at all. `ast` is the tree of `source`.
 */
export function widenHas(source: string, ast: ASTNode): string {
  let result = source;
  for (const call of hasCalls(ast).sort((a, b) => b.start - a.start)) {
    const prefixes = prefixEnds(call.chain).map((end) => `has(${source.slice(call.chain.start, end)})`);
    if (prefixes.length > 1) result = `${result.slice(0, call.start)}(${prefixes.join(' && ')})${result.slice(call.end)}`;
  }
  return result;
}

interface HasCall {
  readonly start: number;
  readonly end: number;
  readonly chain: ASTNode;
}

function hasCalls(node: ASTNode): HasCall[] {
  if (node.op === 'call') {
    const [name, args] = node.args;
    const [chain] = args;
    if (name === 'has' && chain !== undefined) return [{ start: node.start, end: node.end, chain }];
  }
  return childrenOf(node).flatMap(hasCalls);
}

/** Ends of `a.b`, `a.b.c`, … within a chain of plain selections; empty when the chain holds anything else. */
function prefixEnds(node: ASTNode): readonly number[] {
  if (node.op !== '.') return [];
  const [inner] = node.args;
  if (inner.op === 'id') return [node.end];
  const before = prefixEnds(inner);
  return before.length === 0 ? [] : [...before, node.end];
}

/** The nodes directly below a node of the tree. */
export function childrenOf(node: ASTNode): readonly ASTNode[] {
  return node.op === 'value' || node.op === 'id' ? [] : nodesIn(node.args);
}

function nodesIn(value: unknown): readonly ASTNode[] {
  if (Array.isArray(value)) return value.flatMap(nodesIn);
  return typeof value === 'object' && value !== null && 'op' in value ? [value as ASTNode] : [];
}
