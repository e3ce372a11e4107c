import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GuardedTexts } from '../../../src/model/guarded-texts.ts';
import { guardSecret, withoutSecrets } from '../../../src/model/secret.ts';

const guardedTexts = (texts: readonly string[]): GuardedTexts => {
  const guarded = new GuardedTexts();
  for (const text of texts) guarded.add(text);
  return guarded;
};

/** As `GuardedTexts.cut`, in the plainest way: marks every place of every text, one after the other. */
const cutPlainly = (text: string, texts: readonly string[]): string => {
  const places = texts
    .filter((one) => one.length >= 8)
    .flatMap((one) => Array.from(text, (_, from) => from).flatMap((from) => (text.startsWith(one, from) ? [{ from, to: from + one.length }] : [])));
  const sorted = places.sort((a, b) => a.from - b.from);
  let [result, end] = ['', 0];
  for (const { from, to } of sorted) {
    if (from >= end) result += `${text.slice(end, from)}#`;
    end = Math.max(end, to);
  }
  return result + text.slice(end);
};

describe('guarded texts', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([
    { what: 'overlap', text: 'xabcdefghijklmnopy', texts: ['abcdefghij', 'defghijklmnop'], expected: 'x#y' },
    { what: 'begin alike', text: 'abcdefgh1 abcdefgh12', texts: ['abcdefgh12', 'abcdefgh1', 'abcdefgh'], expected: '# #' },
    { what: 'touch', text: 'abcdefghABCDEFGH', texts: ['abcdefgh', 'ABCDEFGH'], expected: '##' },
    { what: 'are the whole text, or longer than it', text: 'abcdefgh', texts: ['abcdefgh', 'abcdefghi'], expected: '#' },
    { what: 'are short', text: 'abcdefg', texts: ['abcdefg'], expected: 'abcdefg' },
  ])('are looked for when they $what', ({ text, texts, expected }) => {
    expect(guardedTexts(texts).cut(text, '#')).toBe(expected);
  });

  it('are cut out wherever they are, and nothing else is', () => {
    const letters = (minLength: number, maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b'), minLength, maxLength });
    fc.assert(
      fc.property(letters(0, 60), fc.array(letters(6, 14), { maxLength: 12 }), (text, texts) => {
        expect(guardedTexts(texts).cut(text, '#')).toBe(cutPlainly(text, texts));
      }),
    );
  });

  it('cost a search nothing by their number', () => {
    const text = `${'an object is not ready, says the platform; '.repeat(500)}${randomBytes(500).toString('base64')}`;
    const few = workOf(() => withoutSecrets(text));
    guardSecret(...Array.from({ length: 10_000 }, () => randomBytes(24).toString('base64url')));
    const many = workOf(() => withoutSecrets(text));
    expect(many).toBe(few);
    // Each place is cut out of the text to be looked up, and looked up.
    expect(many).toBeLessThanOrEqual(2 * text.length + 10);
  });
});

/** How often what a search can be made of is called: methods of texts, and looks into collections. */
function workOf(work: () => unknown): number {
  const texts = (['includes', 'indexOf', 'startsWith', 'replaceAll', 'replace', 'split', 'slice', 'substring'] as const).map((name) =>
    vi.spyOn(String.prototype, name),
  );
  const others = [vi.spyOn(Map.prototype, 'get'), vi.spyOn(Set.prototype, 'has')];
  work();
  const spies = [...texts, ...others];
  const calls = spies.map((spy) => spy.mock.calls.length).reduce((sum, count) => sum + count, 0);
  for (const spy of spies) spy.mockRestore();
  return calls;
}
