import { CedarSyntaxError } from './syntax.ts';

export interface Token {
  readonly kind: 'name' | 'string' | 'number' | 'symbol' | 'end';
  readonly text: string;
  readonly line: number;
}

const TOKEN =
  /\s+|\/\/[^\n]*|(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<string>"(?:[^"\\]|\\.)*")|(?<number>\d+)|(?<symbol>::|==|!=|<=|>=|&&|\|\||[(){}[\],;.<>!@?=:])/y;

/** Splits Cedar text; comments and blanks are dropped. Throws `CedarSyntaxError` with the line. */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) throw new CedarSyntaxError(`line ${line}: unexpected ${JSON.stringify(text[at])}`);
    const found = Object.entries(match.groups ?? {}).find(([, value]) => value !== undefined);
    if (found !== undefined) tokens.push({ kind: found[0] as Token['kind'], text: found[1] ?? '', line });
    line += match[0].split('\n').length - 1;
    at = TOKEN.lastIndex;
  }
  return [...tokens, { kind: 'end', text: '', line }];
}
