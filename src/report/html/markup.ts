/** Text that is HTML already. Only `html` and `trusted` make it, so what comes from outside cannot become markup by being forgotten. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: text, which is escaped, markup, or a list of both. `undefined` is nothing. */
export type Content = string | number | Html | undefined | readonly Content[];

/** Builds markup from a template: every value is escaped unless it is markup itself. Attributes must stand in double quotes. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(parts.reduce((text, part, index) => `${text}${render(values[index - 1])}${part}`));
}

/** Markup from a constant of this program, such as a style sheet; never from data. */
export function trusted(text: string): Html {
  return new Html(text);
}

/** Data for a `script` element of a type that no browser executes. Nothing in it can end the element. */
export function jsonData(value: unknown): Html {
  return new Html(JSON.stringify(value).replaceAll('<', String.raw`\u003c`).replaceAll('\u2028', String.raw`\u2028`).replaceAll('\u2029', String.raw`\u2029`));
}

function render(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Html) return content.text;
  if (typeof content === 'object') return content.map(render).join('');
  return escapeText(String(content));
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/**
 * Characters that show nothing, or that make text look like other text: controls but tab and line feed, and those that turn the direction of writing
 * (Unicode TR36 and TR39, "bidirectional text spoofing").
 */
// oxlint-disable-next-line no-control-regex -- these are what must not get through.
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

function escapeText(text: string): string {
  return text.replace(INVISIBLE, '\ufffd').replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
