import { Document, type ToStringOptions, visit } from 'yaml';
import type { JsonValue } from './json.ts';

/** Line breaks to YAML 1.1 and none to 1.2: go-yaml folds them even inside quotes, so only an escape keeps them. */
const LINE_BREAKS_OF_YAML_11 = /[\u0085\u2028\u2029]/;

/** go-yaml v2 takes every `_` out before it tries a number (`resolve.go`), so `0_x1f` is one. */
const MAYBE_A_NUMBER = /^[-+.0-9_].*_|^_/;

/** A block of lines says its indentation by its first line and loses blanks: such a text keeps them in quotes only. */
const BLANKS_AT_EDGES = /^\s|[ \t]\n/;

/** Writes a value as YAML that kubectl and go-yaml, which read YAML 1.1, take for the same value; ends with a line break. */
export function kubectlYaml(value: unknown): string {
  const json = JSON.stringify(value, undefined, 2);
  return LINE_BREAKS_OF_YAML_11.test(json) ? `${escaped(json)}\n` : written(value, {});
}

/** As {@link kubectlYaml} on one line and without its break: for a value behind a key, or a key itself. */
export function kubectlYamlLine(value: JsonValue): string {
  const json = JSON.stringify(value);
  const text = written(value, { collectionStyle: 'flow' }).trimEnd();
  return LINE_BREAKS_OF_YAML_11.test(json) || text.includes('\n') ? escaped(json) : text;
}

/** Strings are quoted that YAML 1.1 reads as something else: `n`, `on`, `017`, `1_000`. */
function written(value: unknown, options: ToStringOptions): string {
  const document = new Document(value, { compat: 'yaml-1.1' });
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string' && (MAYBE_A_NUMBER.test(node.value) || BLANKS_AT_EDGES.test(node.value))) node.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString({ ...options, lineWidth: 0 });
}

function escaped(json: string): string {
  return json.replace(new RegExp(LINE_BREAKS_OF_YAML_11, 'g'), (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
