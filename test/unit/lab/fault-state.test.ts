import { beforeEach, describe, expect, it } from 'vitest';
import { FaultState } from '../../../src/lab/faults/proxy/fault-state.ts';

let now: number;
let faults: FaultState;

beforeEach(() => {
  now = 1_000;
  faults = new FaultState(() => now);
});

const refusals = (requests: number): readonly boolean[] => Array.from({ length: requests }, () => faults.takeRefusal() !== undefined);

describe('FaultState', () => {
  it('does nothing until told to', () => {
    expect(refusals(3)).toEqual([false, false, false]);
    expect(faults.takeDelayMs()).toBe(0);
    expect(faults.describe()).toMatchObject({ refuse: null, slow: null, latencyMs: 0, counts: { requests: 3, refused: 0 } });
  });

  it.each([
    { every: 1, count: 2, expected: [true, true, false, false, false] },
    { every: 2, count: 2, expected: [true, false, true, false, false] },
    { every: 3, count: 9, expected: [true, false, false, true, false] },
    { every: 1, count: 0, expected: [false, false, false, false, false] },
  ])('refuses one request in $every, $count times in all', ({ every, count, expected }) => {
    faults.refuse({ status: 429, retryAfterSeconds: 1, every, count }, 60_000);
    expect(refusals(5)).toEqual(expected);
  });

  it('ends by itself when its time is over', () => {
    faults.refuse({ status: 503, retryAfterSeconds: 1, every: 1, count: 99 }, 500);
    faults.slow(40, 500);
    expect(faults.takeRefusal()).toEqual({ status: 503, retryAfterSeconds: 1, every: 1, count: 99, until: 1_500 });
    expect(faults.takeDelayMs()).toBe(40);
    now = 1_501;
    expect(faults.takeRefusal()).toBeUndefined();
    expect(faults.takeDelayMs()).toBe(0);
    expect(faults.describe()).toMatchObject({ refuse: null, slow: null, counts: { refused: 1, slowed: 1 } });
  });

  it('is taken away at once by clear', () => {
    faults.refuse({ status: 429, retryAfterSeconds: 1, every: 1, count: 99 }, 60_000);
    faults.slow(40, 60_000);
    faults.latencyMs = 20;
    faults.clear();
    expect(faults.takeRefusal()).toBeUndefined();
    expect(faults.takeDelayMs()).toBe(0);
    expect(faults.latencyMs).toBe(0);
  });

  it('cuts the watches that run, each once, and not those that have ended', () => {
    const cut: string[] = [];
    faults.addWatch(() => cut.push('one'));
    const forget = faults.addWatch(() => cut.push('two'));
    faults.addWatch(() => cut.push('three'));
    forget();
    expect(faults.cutWatches()).toBe(2);
    expect(cut).toEqual(['one', 'three']);
    expect(faults.cutWatches()).toBe(0);
    expect(faults.describe()).toMatchObject({ watches: 0, counts: { cutWatches: 2 } });
  });
});
