import { type BinaryOperator, CedarSyntaxError, type EntityUid, type Expression } from './syntax.ts';
import type { Token } from './tokens.ts';

const VARIABLES = ['principal', 'action', 'resource', 'context'] as const;

/** Recursive descent over the expressions of Cedar's grammar that conditions on attributes need. */
export class ExpressionParser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get line(): number {
    return this.#token().line;
  }

  atEnd(): boolean {
    return this.#token().kind === 'end';
  }

  expression(): Expression {
    return this.#chain('||', () => this.#chain('&&', () => this.#relation()));
  }

  entity(): EntityUid {
    const parts = [this.name()];
    while (this.take('::')) {
      if (this.#token().kind === 'string') return { type: parts.join('::'), id: this.string() };
      parts.push(this.name());
    }
    throw new CedarSyntaxError(`line ${this.line}: ${parts.join('::')} is not an entity; an entity ends with ::"id"`);
  }

  typeName(): string {
    const parts = [this.name()];
    while (this.take('::')) parts.push(this.name());
    return parts.join('::');
  }

  name(): string {
    const token = this.#token();
    if (token.kind !== 'name') throw new CedarSyntaxError(`line ${token.line}: expected a name, not ${JSON.stringify(token.text)}`);
    this.#at += 1;
    return token.text;
  }

  string(): string {
    const token = this.#token();
    if (token.kind !== 'string') throw new CedarSyntaxError(`line ${token.line}: expected a string, not ${JSON.stringify(token.text)}`);
    this.#at += 1;
    return JSON.parse(token.text) as string;
  }

  expect(symbol: string): void {
    if (!this.take(symbol)) throw new CedarSyntaxError(`line ${this.line}: expected ${JSON.stringify(symbol)}, not ${JSON.stringify(this.#token().text)}`);
  }

  take(symbol: string): boolean {
    const token = this.#token();
    if (token.kind !== 'symbol' || token.text !== symbol) return false;
    this.#at += 1;
    return true;
  }

  takeName(name: string): boolean {
    const token = this.#token();
    if (token.kind !== 'name' || token.text !== name) return false;
    this.#at += 1;
    return true;
  }

  #chain(op: '||' | '&&', operand: () => Expression): Expression {
    let left = operand();
    while (this.take(op)) left = { node: 'binary', op, left, right: operand() };
    return left;
  }

  #relation(): Expression {
    const left = this.#unary();
    if (this.takeName('has')) return { node: 'has', of: left, name: this.#token().kind === 'string' ? this.string() : this.name() };
    if (this.takeName('like')) return { node: 'like', of: left, pattern: this.string() };
    if (this.takeName('in')) return { node: 'binary', op: 'in', left, right: this.#unary() };
    for (const op of ['==', '!=', '<=', '>=', '<', '>'] as const satisfies readonly BinaryOperator[]) {
      if (this.take(op)) return { node: 'binary', op, left, right: this.#unary() };
    }
    return left;
  }

  #unary(): Expression {
    return this.take('!') ? { node: 'not', of: this.#unary() } : this.#member();
  }

  #member(): Expression {
    let of = this.#primary();
    while (this.take('.')) {
      const name = this.name();
      if (name !== 'contains') {
        of = { node: 'attribute', of, name };
        continue;
      }
      this.expect('(');
      of = { node: 'contains', of, item: this.expression() };
      this.expect(')');
    }
    return of;
  }

  #primary(): Expression {
    const token = this.#token();
    if (token.kind === 'string') return { node: 'literal', value: this.string() };
    if (token.kind === 'number') {
      this.#at += 1;
      return { node: 'literal', value: Number(token.text) };
    }
    if (this.take('(')) {
      const inner = this.expression();
      this.expect(')');
      return inner;
    }
    if (this.take('[')) return { node: 'list', items: this.#items() };
    if (this.takeName('true')) return { node: 'literal', value: true };
    if (this.takeName('false')) return { node: 'literal', value: false };
    for (const name of VARIABLES) if (this.takeName(name)) return { node: 'variable', name };
    return { node: 'entity', uid: this.entity() };
  }

  #items(): readonly Expression[] {
    const items: Expression[] = [];
    while (!this.take(']')) {
      items.push(this.expression());
      this.take(',');
    }
    return items;
  }

  #token(): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new CedarSyntaxError('unexpected end of the policy');
    return token;
  }
}
