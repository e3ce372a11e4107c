import { describe, expect, it } from 'vitest';
import { compare, isMet, median, type Sample } from '../../bench/figure.ts';
import { interleave } from '../../bench/interleave.ts';

const samplesOf = (values: readonly number[]): readonly Sample[] => values.map((value) => ({ value }));

describe('figures of the bench', () => {
  it.each([
    [[3], 3],
    [[9, 1, 4], 4],
    [[4, 1, 9, 2], 3],
  ])('the median of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('take the ratio within each round, so that a slow round does not count as a slow contender', () => {
    const samples = new Map([
      ['ours', samplesOf([100, 10, 90])],
      ['loop', samplesOf([50, 5, 60])],
    ]);
    const figure = compare({ id: 'x', what: 'x', unit: 'objects/s', notes: [], ours: 'ours', peer: 'loop', samples });
    expect(figure).toMatchObject({ ours: 90, peer: { name: 'loop', value: 50 }, ratio: 2 });
  });

  it.each([
    [{ ratio: 0.95, goal: { atLeast: 0.95 } }, true],
    [{ ratio: 0.94, goal: { atLeast: 0.95 } }, false],
    [{ ratio: 1.5, goal: { atMost: 1.5 } }, true],
    [{ ratio: 1.51, goal: { atMost: 1.5 } }, false],
    [{ ratio: 7 }, undefined],
  ])('of %j are met: %s', (figure, expected) => {
    expect(isMet(figure)).toBe(expected);
  });

  it('are sampled in rounds that each start with another contender, every other one backwards', async () => {
    const order: string[] = [];
    const contender = (name: string) => ({
      name,
      measure: () => {
        order.push(name);
        return Promise.resolve({ value: order.length });
      },
    });
    const samples = await interleave([contender('a'), contender('b'), contender('c')], 3, () => undefined);
    expect(order.join('')).toBe('abcbaccab');
    expect(samples.get('a')?.map(({ value }) => value)).toEqual([1, 5, 8]);
  });
});
