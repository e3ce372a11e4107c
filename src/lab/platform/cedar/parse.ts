import { ExpressionParser } from './parse-expression.ts';
import { CedarSyntaxError, type EntityUid, type Policy, type ScopeConstraint } from './syntax.ts';
import { tokenize } from './tokens.ts';

/**
 * Parses a text of Cedar policies: scopes with `==`, `in` and `is`, conditions with comparisons, `has`, `like`, `in` and `.contains`. Templates, records,
 * arithmetic and extension functions are refused. Throws `CedarSyntaxError`.
 */
export function parsePolicies(text: string): readonly Policy[] {
  const parser = new PolicyParser(tokenize(text));
  const policies: Policy[] = [];
  while (!parser.atEnd()) policies.push(parser.policy());
  return policies;
}

class PolicyParser extends ExpressionParser {
  policy(): Policy {
    while (this.take('@')) this.#annotation();
    const effect = this.name();
    if (effect !== 'permit' && effect !== 'forbid') throw new CedarSyntaxError(`line ${this.line}: a policy starts with permit or forbid, not ${effect}`);
    this.expect('(');
    const principal = this.#scope('principal');
    this.expect(',');
    const action = this.#scope('action');
    this.expect(',');
    const resource = this.#scope('resource');
    this.take(',');
    this.expect(')');
    const conditions: Policy['conditions'][number][] = [];
    while (!this.take(';')) {
      const kind = this.name();
      if (kind !== 'when' && kind !== 'unless') throw new CedarSyntaxError(`line ${this.line}: expected when, unless or ";", not ${kind}`);
      this.expect('{');
      conditions.push({ kind, expression: this.expression() });
      this.expect('}');
    }
    return { effect, principal, action, resource, conditions };
  }

  #annotation(): void {
    this.name();
    if (!this.take('(')) return;
    this.string();
    this.expect(')');
  }

  #scope(name: string): ScopeConstraint {
    const found = this.name();
    if (found !== name) throw new CedarSyntaxError(`line ${this.line}: expected ${name}, not ${found}`);
    if (this.take('==')) return { op: '==', entities: [this.entity()] };
    if (this.takeName('in')) return { op: 'in', entities: this.take('[') ? this.#entities() : [this.entity()] };
    if (this.takeName('is')) return { op: 'is', type: this.typeName() };
    return { op: 'any' };
  }

  #entities(): readonly EntityUid[] {
    const entities: EntityUid[] = [];
    while (!this.take(']')) {
      entities.push(this.entity());
      this.take(',');
    }
    return entities;
  }
}
