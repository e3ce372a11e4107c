import { totalmem } from 'node:os';

const PLENTY_BYTES = 12 * 2 ** 30;

/**
 * Environment of a Go program: where memory is plenty it need not collect garbage so often. A kube-apiserver then starts with a quarter less of a processor,
 * which is most of what a lab costs, and has 100 MB more; the compiler spends a tenth less.
 */
export function eagerGo(): Readonly<Record<string, string>> {
  return totalmem() >= PLENTY_BYTES ? { GOGC: '400' } : {};
}
