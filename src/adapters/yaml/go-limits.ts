import { SCALAR_STYLE, type ScalarEvent } from 'js-yaml';

/** libyaml's limit on a key written without `?` (`scannerc.go`, "simple key"). */
const MAX_SIMPLE_KEY = 1_024;
const YAML_11_BREAKS = /[\u0085\u2028\u2029]/;
const ESCAPED_SLASH = /^(?:[^\\]|\\[^/])*\\\//s;
const TAB_INDENT = /^(?:[ \t]*\r?\n)*[ ]*\t/;

/**
 * Says why go-yaml v2 (YAML 1.1) refuses or misreads a scalar that YAML 1.2 allows; `undefined` when it reads it alike.
 *
 * @see go.yaml.in/yaml/v2 `scannerc.go`
 */
export function goRefusal(source: string, event: ScalarEvent, isKey: boolean): string | undefined {
  if (event.valueStart === -1) return undefined;
  if (isKey && event.valueEnd - event.valueStart > MAX_SIMPLE_KEY) return `a key may have at most ${MAX_SIMPLE_KEY} characters`;
  if (event.fast && event.style !== SCALAR_STYLE.PLAIN) return undefined;
  const raw = source.slice(event.valueStart, event.valueEnd);
  if (event.style === SCALAR_STYLE.DOUBLE_QUOTED) return ESCAPED_SLASH.test(raw) ? 'unknown escape character "\\/"' : undefined;
  if (event.style === SCALAR_STYLE.SINGLE_QUOTED) return undefined;
  if (YAML_11_BREAKS.test(raw)) return 'holds a line break of YAML 1.1 (U+0085, U+2028 or U+2029): write it as an escape in double quotes';
  const isBlock = event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK;
  if (isBlock && TAB_INDENT.test(raw) && !hasIndentIndicator(source, event.valueStart)) return 'a tab where an indentation space is expected';
  return undefined;
}

/** Whether the header before a block scalar (`|2-`) names its indentation. */
function hasIndentIndicator(source: string, valueStart: number): boolean {
  const header = source.slice(source.lastIndexOf('\n', valueStart - 2) + 1, valueStart);
  return /[|>][-+]?[1-9]/.test(header);
}
