import type { JsonValue } from '../../model/json.ts';

/** Core tags of YAML that name a scalar type. */
export type ScalarTag = 'str' | 'bool' | 'int' | 'float' | 'null' | 'timestamp' | 'binary' | 'merge';

/** A scalar that was read: its JSON value and its YAML type, or why kubectl refuses it. */
export type ScalarResult = { readonly value: JsonValue; readonly tag: ScalarTag } | { readonly refused: string } | { readonly inexact: string };

const NULL: ScalarResult = { value: null, tag: 'null' };
const TRUE: ScalarResult = { value: true, tag: 'bool' };
const FALSE: ScalarResult = { value: false, tag: 'bool' };

/** Words with a meaning, as go-yaml v2 `resolve.go` lists them (YAML 1.1; `y`, `n`, `on`, `off` included). */
const WORDS: ReadonlyMap<string, ScalarResult> = new Map<string, ScalarResult>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word): [string, ScalarResult] => [word, NULL]),
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((word): [string, ScalarResult] => [word, TRUE]),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((word): [string, ScalarResult] => [word, FALSE]),
  ...['.nan', '.NaN', '.NAN', '.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF', '-.inf', '-.Inf', '-.INF'].map((word): [string, ScalarResult] => [
    word,
    { refused: `${word} has no form in JSON` },
  ]),
  ['<<', { value: '<<', tag: 'merge' }],
]);

const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const DOT_FLOAT = /^\.[0-9]+(?:[eE][-+]?[0-9]+)?$/;
const DECIMAL = /^[-+]?(?:0|[1-9][0-9]*)$/;
const PREFIXED = /^([-+]?)0(?:([xX])([0-9a-fA-F]+)|([bB])([01]+)|[oO]?([0-7]+))$/;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;
/** Go writes a shortest `%g` float with an exponent from 10^6 on (`strconv/ftoa.go`). */
const SHORTEST_PRECISION = 6;
const FIRST_CHARACTERS = new Set('+-.0123456789yYnNtTfFoO~<'.split(''));

/**
 * Reads a plain (unquoted, untagged) scalar as kubectl does. Octal is `0o17` and `017`, underscores in numbers are ignored, `08` is the float 8, dates stay
 * text, base 60 is text. An integer that a JavaScript number cannot hold exactly is reported as inexact and never rounded.
 *
 * @see go.yaml.in/yaml/v2 `resolve.go` as used by sigs.k8s.io/yaml 1.6 and kubectl 1.32 to 1.36
 */
export function resolvePlainScalar(text: string): ScalarResult {
  const first = text.charAt(0);
  if (first !== '' && !FIRST_CHARACTERS.has(first)) return { value: text, tag: 'str' };
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (first === '.') return DOT_FLOAT.test(text) ? asFloat(text) : { value: text, tag: 'str' };
  if ((first >= '0' && first <= '9') || first === '-' || first === '+') return resolveNumber(text);
  return { value: text, tag: 'str' };
}

function resolveNumber(text: string): ScalarResult {
  const plain = text.includes('_') ? text.replaceAll('_', '') : text;
  const integer = parseInteger(plain);
  if (integer !== undefined && integer >= INT64_MIN && integer <= UINT64_MAX) return asInteger(integer, text);
  if (FLOAT.test(plain)) return asFloat(plain);
  return { value: text, tag: 'str' };
}

/** The integer as Go's `strconv.ParseInt(text, 0, …)` reads it, of any size. */
function parseInteger(text: string): bigint | undefined {
  if (DECIMAL.test(text)) return BigInt(text.startsWith('+') ? text.slice(1) : text);
  const match = PREFIXED.exec(text);
  if (match === null) return undefined;
  const [, sign, hex, hexDigits, binary, binaryDigits, octalDigits] = match;
  const magnitude = hex !== undefined ? BigInt(`0x${hexDigits}`) : binary !== undefined ? BigInt(`0b${binaryDigits}`) : BigInt(`0o${octalDigits}`);
  return sign === '-' ? -magnitude : magnitude;
}

function asInteger(integer: bigint, text: string): ScalarResult {
  const value = Number(integer);
  if (!Number.isSafeInteger(value)) return { inexact: text };
  return { value: value === 0 ? 0 : value, tag: 'int' };
}

function asFloat(text: string): ScalarResult {
  const value = Number(text);
  if (!Number.isFinite(value)) return { value: text, tag: 'str' };
  return { value, tag: 'float' };
}

/** Reads a scalar with an explicit core tag; quotes no longer matter then. */
export function resolveTaggedScalar(text: string, tag: string): ScalarResult {
  if (tag === 'str') return { value: text, tag: 'str' };
  if (tag === 'binary') return decodeBinary(text);
  if (tag !== 'bool' && tag !== 'int' && tag !== 'float' && tag !== 'null' && tag !== 'timestamp') return { value: text, tag: 'str' };
  if (tag === 'timestamp') return { value: text, tag: 'timestamp' };
  const result = resolvePlainScalar(text);
  if (!('tag' in result)) return result;
  if (result.tag === tag || (tag === 'float' && result.tag === 'int')) return { value: result.value, tag };
  return { refused: `cannot read ${JSON.stringify(text)} as !!${tag}` };
}

function decodeBinary(text: string): ScalarResult {
  const compact = text.replaceAll(/[\r\n]/g, '');
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return { refused: '!!binary holds invalid base64' };
  return { value: Buffer.from(compact, 'base64').toString('utf8'), tag: 'binary' };
}

/**
 * The key as text, because JSON has no other keys: `80: x` has the key `80`, `yes: x` the key `true`, `1.20: x` the key `1.2`. Gives `undefined` for keys
 * kubectl refuses (null, maps, lists).
 */
export function keyText(result: ScalarResult): string | undefined {
  if (!('tag' in result)) return undefined;
  if (typeof result.value === 'string') return result.value;
  if (result.tag === 'float' && typeof result.value === 'number') return formatFloat32(result.value);
  if (typeof result.value === 'number' || typeof result.value === 'boolean') return String(result.value);
  return undefined;
}

/** Go's `strconv.FormatFloat(value, 'g', -1, 32)`: the shortest text that gives the same 32-bit float. */
function formatFloat32(value: number): string {
  const target = Math.fround(value);
  if (target === 0) return Object.is(target, -0) ? '-0' : '0';
  let digits = 1;
  while (digits < 9 && Math.fround(Number(target.toPrecision(digits))) !== target) digits += 1;
  const [mantissa = '', exponentText = '0'] = target.toExponential(digits - 1).split('e');
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < SHORTEST_PRECISION) return Number(target.toPrecision(digits)).toString();
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
