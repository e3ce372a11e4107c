import { describe, expect, it } from 'vitest';
import { unionMs } from '../../bench/waits.ts';

const spans = (...pairs: readonly (readonly [number, number])[]) => pairs.map(([from, to]) => ({ from, to }));

describe('times of waiting', () => {
  it.each([
    ['none', [], 0],
    ['one after the other', spans([0, 10], [20, 25]), 15],
    ['one within another', spans([0, 10], [2, 4]), 10],
    ['overlapping, in any order', spans([5, 15], [0, 10], [14, 20]), 20],
    ['beside each other', spans([0, 10], [10, 20]), 20],
  ])('%s count once', (_name, waits, total) => expect(unionMs(waits)).toBe(total));
});
