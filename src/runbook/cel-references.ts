import type { ASTNode } from '@marcbachmann/cel-js';
import { childrenOf, decodeStepId } from './cel-source.ts';
import type { DocPath } from './faults.ts';

/** Something an expression reads: `plan.dns.records[0]` is root `plan` with path `dns`, `records`, 0. */
export interface Reference {
  /** The variable; `plan`, `inputs`, `steps` and `item` exist. */
  readonly root: string;
  /** As far as the keys are known before the run. Step ids are as the runbook has them. */
  readonly path: DocPath;
  /** It stands in `has()`, so it may be absent. */
  readonly tested: boolean;
  /** How many parts of the path must exist; the rest comes after `.?` or `[?` and may be absent. */
  readonly firm: number;
}

interface Chain {
  readonly root: string;
  readonly path: DocPath;
  readonly firm: number | undefined;
  /** Index expressions on the way whose value is not known before the run. */
  readonly dynamic: readonly ASTNode[];
  readonly closed: boolean;
}

const MACROS = new Set(['map', 'filter', 'all', 'exists', 'exists_one']);

/** Names that macros such as `map(x, …)` and `cel.bind(x, …)` bind in an expression. */
export function boundNames(node: ASTNode): readonly string[] {
  const inner = childrenOf(node).flatMap(boundNames);
  if (node.op !== 'rcall') return inner;
  const [name, , args] = node.args as [string, ASTNode, readonly ASTNode[]];
  const [variable] = args;
  return (MACROS.has(name) || name === 'bind') && variable?.op === 'id' ? [variable.args, ...inner] : inner;
}

/** Everything an expression reads, in no order. Variables that macros such as `map(x, …)` bind are left out. */
export function referencesOf(ast: ASTNode): readonly Reference[] {
  return collect(ast, { tested: false, bound: new Set() });
}

interface Walk {
  readonly tested: boolean;
  readonly bound: ReadonlySet<string>;
}

function collect(node: ASTNode, walk: Walk): readonly Reference[] {
  const chain = chainOf(node);
  if (chain !== undefined) {
    const inner = chain.dynamic.flatMap((index) => collect(index, { ...walk, tested: false }));
    if (walk.bound.has(chain.root)) return inner;
    const path = chain.root === 'steps' ? chain.path.map((part, index) => (index === 0 ? decodeStepId(String(part)) : part)) : chain.path;
    return [{ root: chain.root, path, tested: walk.tested, firm: chain.firm ?? path.length }, ...inner];
  }
  if (node.op === 'call' && node.args[0] === 'has') return childrenOf(node).flatMap((child) => collect(child, { ...walk, tested: true }));
  if (node.op === 'rcall') return collectMacro(node, walk);
  return childrenOf(node).flatMap((child) => collect(child, walk));
}

function collectMacro(node: ASTNode, walk: Walk): readonly Reference[] {
  const [name, receiver, args] = node.args as [string, ASTNode, readonly ASTNode[]];
  const [variable, ...rest] = args;
  if (receiver.op === 'id' && receiver.args === 'cel' && name === 'bind' && variable?.op === 'id') {
    const scope = { ...walk, bound: new Set([...walk.bound, variable.args]) };
    return rest.flatMap((arg, index) => collect(arg, index === 0 ? walk : scope));
  }
  const outer = collect(receiver, walk);
  if (!MACROS.has(name) || variable?.op !== 'id') return [...outer, ...args.flatMap((arg) => collect(arg, walk))];
  const bound = new Set([...walk.bound, variable.args]);
  return [...outer, ...rest.flatMap((arg) => collect(arg, { ...walk, bound }))];
}

/** The chain of selections a node ends, when it begins at a variable. A part whose key is not known closes the path; what follows is not looked at. */
function chainOf(node: ASTNode): Chain | undefined {
  if (node.op === 'id') return { root: node.args, path: [], firm: undefined, dynamic: [], closed: false };
  if (node.op !== '.' && node.op !== '.?' && node.op !== '[]' && node.op !== '[?]') return undefined;
  const [inner, key] = node.args as [ASTNode, ASTNode | string];
  const before = chainOf(inner);
  if (before === undefined) return undefined;
  const literal = typeof key === 'string' ? key : literalKey(key);
  const dynamic = literal === undefined ? [...before.dynamic, key as ASTNode] : before.dynamic;
  if (before.closed || literal === undefined) return { ...before, dynamic, closed: true };
  const isOptional = node.op === '.?' || node.op === '[?]';
  const firm = before.firm ?? (isOptional ? before.path.length : undefined);
  return { root: before.root, path: [...before.path, literal], firm, dynamic, closed: false };
}

function literalKey(node: ASTNode): string | number | undefined {
  if (node.op !== 'value') return undefined;
  const value = node.args as unknown;
  return typeof value === 'string' ? value : typeof value === 'bigint' ? Number(value) : undefined;
}
