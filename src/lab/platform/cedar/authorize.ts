import type { EntityUid, Expression, Policy, ScopeConstraint } from './syntax.ts';

/** Someone or something with attributes, as the platform builds it for a request. */
export interface Entity {
  readonly uid: EntityUid;
  readonly attributes: Readonly<Record<string, Value>>;
}

export type Value = string | number | boolean | EntityUid | readonly Value[];

export interface AuthorizationRequest {
  readonly principal: Entity;
  readonly action: EntityUid;
  readonly resource: Entity;
}

export interface Decision {
  readonly allowed: boolean;
  /** A forbid decided; otherwise a denial means that no policy permits. */
  readonly forbidden: boolean;
}

/** Decides as Cedar does: denied unless some permit applies and no forbid does. A policy whose evaluation fails does not apply. */
export function authorize(policies: readonly Policy[], request: AuthorizationRequest): Decision {
  const applying = policies.filter((policy) => applies(policy, request));
  const forbidden = applying.some((policy) => policy.effect === 'forbid');
  return { allowed: !forbidden && applying.some((policy) => policy.effect === 'permit'), forbidden };
}

/** Raised inside an evaluation by a missing attribute or a wrong type. */
class EvaluationError extends Error {}

function applies(policy: Policy, request: AuthorizationRequest): boolean {
  const scope = inScope(policy.principal, request.principal.uid) && inScope(policy.action, request.action) && inScope(policy.resource, request.resource.uid);
  if (!scope) return false;
  try {
    return policy.conditions.every(({ kind, expression }) => truth(evaluate(expression, request)) === (kind === 'when'));
  } catch (error) {
    if (error instanceof EvaluationError) return false;
    throw error;
  }
}

/** The entities of the platform's requests have no parents, so `in` is equality with one of a list. */
function inScope(constraint: ScopeConstraint, uid: EntityUid): boolean {
  if (constraint.op === 'any') return true;
  if (constraint.op === 'is') return constraint.type === uid.type;
  return constraint.entities.some((entity) => same(entity, uid));
}

function evaluate(expression: Expression, request: AuthorizationRequest): Value {
  switch (expression.node) {
    case 'literal':
      return expression.value;
    case 'entity':
      return expression.uid;
    case 'variable':
      return variable(expression.name, request);
    case 'list':
      return expression.items.map((item) => evaluate(item, request));
    case 'attribute':
      return attribute(evaluate(expression.of, request), expression.name, request);
    case 'has':
      return attributesOf(evaluate(expression.of, request), request)[expression.name] !== undefined;
    case 'like':
      return like(evaluate(expression.of, request), expression.pattern);
    case 'contains':
      return list(evaluate(expression.of, request)).some((item) => same(item, evaluate(expression.item, request)));
    case 'not':
      return !truth(evaluate(expression.of, request));
    case 'binary':
      return binary(expression, request);
    default:
      return expression satisfies never;
  }
}

function binary({ op, left, right }: Extract<Expression, { readonly node: 'binary' }>, request: AuthorizationRequest): boolean {
  const first = evaluate(left, request);
  if (op === '||') return truth(first) || truth(evaluate(right, request));
  if (op === '&&') return truth(first) && truth(evaluate(right, request));
  const second = evaluate(right, request);
  if (op === '==') return same(first, second);
  if (op === '!=') return !same(first, second);
  if (op === 'in') return Array.isArray(second) ? second.some((item) => same(first, item as Value)) : same(first, second);
  if (typeof first !== 'number' || typeof second !== 'number') throw new EvaluationError(`${op} compares numbers`);
  if (op === '<') return first < second;
  if (op === '<=') return first <= second;
  return op === '>' ? first > second : first >= second;
}

function variable(name: string, request: AuthorizationRequest): EntityUid {
  if (name === 'principal') return request.principal.uid;
  if (name === 'resource') return request.resource.uid;
  if (name === 'action') return request.action;
  throw new EvaluationError('the platform passes no context');
}

function attribute(of: Value, name: string, request: AuthorizationRequest): Value {
  const value = attributesOf(of, request)[name];
  if (value === undefined) throw new EvaluationError(`no attribute ${name}`);
  return value;
}

function attributesOf(of: Value, request: AuthorizationRequest): Readonly<Record<string, Value>> {
  if (same(of, request.principal.uid)) return request.principal.attributes;
  if (same(of, request.resource.uid)) return request.resource.attributes;
  throw new EvaluationError('only principal and resource have attributes');
}

function like(value: Value, pattern: string): boolean {
  if (typeof value !== 'string') throw new EvaluationError('like needs a string');
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(value);
}

function list(value: Value): readonly Value[] {
  if (!Array.isArray(value)) throw new EvaluationError('contains needs a set');
  return value as readonly Value[];
}

function truth(value: Value): boolean {
  if (typeof value !== 'boolean') throw new EvaluationError('a condition needs a boolean');
  return value;
}

function same(a: Value, b: Value): boolean {
  return typeof a === 'object' || typeof b === 'object' ? JSON.stringify(a) === JSON.stringify(b) : a === b;
}
