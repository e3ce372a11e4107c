import { expect, it } from 'vitest';
import { systemRandom } from '../../../src/adapters/clock/system-random.ts';
import { FakeRandom } from '../../fakes/fake-random.ts';

it.each([
  ['fake', new FakeRandom()],
  ['system', systemRandom],
])('the %s random gives lower-case hexadecimal text of the length asked for, another each time', (_name, random) => {
  const texts = Array.from({ length: 50 }, () => random.hex(4));
  for (const text of texts) expect(text).toMatch(/^[0-9a-f]{8}$/);
  expect(new Set(texts).size).toBe(50);
});
