import { type Content, type Html, html } from './markup.ts';

/** A table that scrolls by itself where it is too wide; the first row is the heading. */
export function table(heading: readonly string[], rows: readonly (readonly Content[])[]): Html {
  return html`<div class="scroll"><table><thead><tr>${heading.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead><tbody>
${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody></table></div>`;
}

/** Names and values, one pair a line. */
export function facts(pairs: readonly (readonly [string, Content])[]): Html {
  return html`<dl>${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A list of lines, or what is said where there is none. */
export function list(items: readonly Content[], none: string): Html {
  return items.length === 0 ? html`<p>${none}</p>` : html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;
}

/** A part of the page with its heading, which the contents link to. */
export function section(id: string, title: string, content: Content): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${content}</section>
`;
}
