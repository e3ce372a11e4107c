/** A Cedar policy as the stand-in understands it: a scope and conditions. */
export interface Policy {
  readonly effect: 'permit' | 'forbid';
  readonly principal: ScopeConstraint;
  readonly action: ScopeConstraint;
  readonly resource: ScopeConstraint;
  readonly conditions: readonly { readonly kind: 'when' | 'unless'; readonly expression: Expression }[];
}

export type ScopeConstraint =
  | { readonly op: 'any' }
  | { readonly op: '==' | 'in'; readonly entities: readonly EntityUid[] }
  | { readonly op: 'is'; readonly type: string };

/** `Lattice::Service::"shop/api"`. */
export interface EntityUid {
  readonly type: string;
  readonly id: string;
}

export type Expression =
  | { readonly node: 'literal'; readonly value: string | number | boolean }
  | { readonly node: 'entity'; readonly uid: EntityUid }
  | { readonly node: 'variable'; readonly name: 'principal' | 'action' | 'resource' | 'context' }
  | { readonly node: 'list'; readonly items: readonly Expression[] }
  | { readonly node: 'attribute'; readonly of: Expression; readonly name: string }
  | { readonly node: 'has'; readonly of: Expression; readonly name: string }
  | { readonly node: 'like'; readonly of: Expression; readonly pattern: string }
  | { readonly node: 'contains'; readonly of: Expression; readonly item: Expression }
  | { readonly node: 'not'; readonly of: Expression }
  | { readonly node: 'binary'; readonly op: BinaryOperator; readonly left: Expression; readonly right: Expression };

export type BinaryOperator = '||' | '&&' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in';

/** A text that is not Cedar, or Cedar beyond what the lab evaluates. */
export class CedarSyntaxError extends Error {}
