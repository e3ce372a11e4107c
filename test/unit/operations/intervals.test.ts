import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spanOf, unionMs } from '../../../src/operations/intervals.ts';

const interval = fc.tuple(fc.nat(50), fc.nat(20)).map(([from, length]) => ({ from, to: from + length }));

describe('intervals', () => {
  it('cover what a count of single milliseconds says they cover', () => {
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 8 }), (intervals) => {
        const counted = Array.from({ length: 80 }, (_, ms) => ms).filter((ms) => intervals.some(({ from, to }) => from <= ms && ms < to)).length;
        expect(unionMs(intervals)).toBe(counted);
      }),
    );
  });

  it('span from the first start to the last end', () => {
    expect(
      spanOf([
        { from: 5, to: 9 },
        { from: 2, to: 3 },
      ]),
    ).toEqual({ from: 2, to: 9 });
    expect(spanOf([])).toBeUndefined();
  });
});
