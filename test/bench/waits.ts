/** A time in which a program waited, in milliseconds since it began. */
export interface Wait {
  readonly kind: 'command' | 'request' | 'pause';
  readonly from: number;
  readonly to: number;
}

/** How long at least one of them lasted, in milliseconds: what runs side by side counts once. */
export function unionMs(waits: readonly Pick<Wait, 'from' | 'to'>[]): number {
  let [total, covered] = [0, Number.NEGATIVE_INFINITY];
  for (const { from, to } of waits.toSorted((a, b) => a.from - b.from)) {
    total += Math.max(0, to - Math.max(from, covered));
    covered = Math.max(covered, to);
  }
  return total;
}
