/** A part of a template: literal text, or the source of one `${{ }}`. */
export type TemplatePart = { readonly text: string } | { readonly source: string };

/** Opening of an expression within text. */
const OPEN = '${{';

/** Says whether text holds an expression. */
export function holdsExpression(text: string): boolean {
  return text.includes(OPEN);
}

/** Splits a template into literal text and expressions. `undefined` when a `${{` is not closed. */
export function splitTemplate(template: string): readonly TemplatePart[] | undefined {
  const parts: TemplatePart[] = [];
  let at = 0;
  for (let open = template.indexOf(OPEN, at); open >= 0; open = template.indexOf(OPEN, at)) {
    if (open > at) parts.push({ text: template.slice(at, open) });
    const close = findClose(template, open + OPEN.length);
    if (close === undefined) return undefined;
    parts.push({ source: template.slice(open + OPEN.length, close).trim() });
    at = close + 2;
  }
  if (at < template.length) parts.push({ text: template.slice(at) });
  return parts;
}

/** The source of a template that is one single expression, with nothing but spaces around it. */
export function loneExpression(template: string): string | undefined {
  const parts = splitTemplate(template.trim());
  const [only] = parts ?? [];
  return parts?.length === 1 && only !== undefined && 'source' in only ? only.source : undefined;
}

/** Offset of the `}}` that ends an expression; braces of maps and anything within quotes belong to the expression. */
function findClose(template: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < template.length; at += 1) {
    const stringEnd = endOfString(template, at);
    const char = template[at];
    if (stringEnd !== undefined) at = stringEnd - 1;
    else if (char === '{') depth += 1;
    else if (char === '}' && depth > 0) depth -= 1;
    else if (char === '}' && template[at + 1] === '}') return at;
  }
  return undefined;
}

/** End of the CEL string literal that begins at an offset (quotes of one or three, raw or not); `undefined` when none begins there. */
export function endOfString(source: string, at: number): number | undefined {
  const quote = source[at];
  if (quote !== '"' && quote !== "'") return undefined;
  const isRaw = /[rR]/.test(source[at - 1] ?? '');
  const fence = source.startsWith(quote.repeat(3), at) ? quote.repeat(3) : quote;
  for (let end = at + fence.length; end < source.length; end += 1) {
    if (source[end] === '\\' && !isRaw) end += 1;
    else if (source.startsWith(fence, end)) return end + fence.length;
  }
  return source.length;
}
