import { parseDuration } from '../model/duration.ts';

/** Suffixes of Kubernetes quantities (`apimachinery/pkg/api/resource/suffix.go`). */
const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};
const QUANTITY = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/;

const UNIT = /[A-Za-z]$/;
/** Keys below which bare numbers are amounts; elsewhere `1.20` and `1.2` may be versions and are two texts. */
const AMOUNT_KEYS = /(?:^|[.[\]"])(?:limits|requests|capacity|allocatable|hard|cpu|memory|storage|sizeLimit|divisor)(?:$|[.[\]"])/;

/**
 * Whether two texts spell one amount at a field path: `1` and `1000m`, `0.5Gi` and `512Mi`, `720h` and `720h0m0s`. Servers and controllers write amounts in
 * their own way, so equal ones are no difference.
 */
export function sameQuantity(left: string, right: string, path: string): boolean {
  if (left === right) return true;
  const isAmount = UNIT.test(left) || UNIT.test(right) || AMOUNT_KEYS.test(path);
  const [a, b] = isAmount ? [amountOf(left), amountOf(right)] : [];
  if (a !== undefined && b !== undefined) return Math.abs(a - b) <= Math.abs(a) * Number.EPSILON * 4;
  const [c, d] = [parseDuration(left), parseDuration(right)];
  return c !== undefined && c === d;
}

function amountOf(text: string): number | undefined {
  const match = QUANTITY.exec(text);
  if (match === null) return undefined;
  const [, digits = '', exponent = '', suffix = ''] = match;
  return Number(`${digits}${exponent}`) * (SUFFIXES[suffix] ?? 1);
}
