import { expect, it } from 'vitest';
import { pathWorkMs } from '../../bench/critical-path.ts';

const STEPS = [
  { id: 'a', needs: [] },
  { id: 'b', needs: [] },
  { id: 'empty', needs: ['a', 'b'] },
  { id: 'c', needs: ['empty'] },
];

it('is the work of the steps that determined the end, without what lies between and beside them, and through a step that did nothing', () => {
  const works = [
    { step: 'a', from: 0, to: 50 },
    { step: 'b', from: 0, to: 80 },
    { step: 'b', from: 90, to: 100 },
    { step: 'c', from: 130, to: 140 },
    { step: 'c', from: 135, to: 170 },
  ];
  expect(pathWorkMs(STEPS, works)).toBe(90 + 40);
  expect(pathWorkMs(STEPS, [...works, { step: 'a', from: 100, to: 120 }])).toBe(50 + 20 + 40);
});

it('is nothing where nothing ran', () => {
  expect(pathWorkMs(STEPS, [])).toBe(0);
});
