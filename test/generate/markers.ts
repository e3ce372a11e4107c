import { DrError } from '../../src/errors/dr-error.ts';

/** Replaces what stands between `<!-- name:begin -->` and `<!-- name:end -->`. Throws when the markers are not there. */
export function replaceBetween(text: string, name: string, content: string): string {
  const begin = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new DrError({ code: 'INPUT_INVALID', message: `the text has no markers '${begin}' and '${end}'` });
  return `${text.slice(0, from + begin.length)}\n\n${content.trim()}\n\n${text.slice(to)}`;
}
