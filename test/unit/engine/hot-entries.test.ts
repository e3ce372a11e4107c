import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHotEntry } from '../../../src/engine/hot-entries.ts';
import { parseEntry } from '../../../src/engine/journal-entries.ts';
import type { RunId, StepId } from '../../../src/model/ids.ts';
import { opening, runEntries, stepEntries } from '../../support/every-entry.ts';

type Line = Readonly<Record<string, unknown>>;

const STEP = 'provision[cp-1]' as StepId;
const PLACE = { seq: 7, prev: `sha256:${'0a'.repeat(32)}`, at: '2026-03-01T03:00:00.000Z' };
const LINES: readonly Line[] = [...opening('east-20260301T030000Z-0001' as RunId), ...stepEntries(STEP), ...runEntries(STEP)].map((body) => ({
  ...PLACE,
  ...body,
}));
const HOT = LINES.filter(isHotEntry);

/** What the schema makes of a line: a field that it does not know keeps the short cut away, and is dropped. */
function bySchema(line: Line): unknown {
  const read = parseEntry({ ...line, unknownToAnyVersion: 1 });
  return read.ok ? read.entry : read.fault;
}

const STRANGE: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  '',
  'Step',
  'a/b',
  'a[b',
  'absent',
  'gone',
  [],
  {},
  `sha256:${'0'.repeat(63)}`,
  `sha256:${'0A'.repeat(32)}`,
  `sha512:${'0a'.repeat(32)}`,
  '2026-02-29T00:00:00.000Z',
  '2028-02-29T00:00:00.000Z',
  '2026-04-31T00:00:00.000Z',
  '2026-12-31T23:59:59.999Z',
  '2026-03-01T24:00:00.000Z',
  '2026-03-01T03:00:00Z',
];

describe('the short cut for the kinds of lines that come most', () => {
  it('takes each of these kinds, and no other', () => {
    const kinds = ['alive', 'step-started', 'step-observed', 'step-succeeded', 'effect-intent', 'effect-done'];
    expect(new Set(HOT.map(({ type }) => type))).toEqual(new Set(kinds));
    for (const line of HOT) expect(bySchema(line)).toEqual(line);
  });

  it('takes nothing that the schema would not give back as it is: each field deleted, added and made strange in turn', () => {
    let taken = 0;
    for (const line of HOT) {
      const without = Object.keys(line).map((name) => Object.fromEntries(Object.entries(line).filter(([key]) => key !== name)));
      const strange = Object.keys(line).flatMap((name) => STRANGE.map((value): Line => ({ ...line, [name]: value })));
      const more = [
        { ...line, log: { name: 'a', digest: PLACE.prev, lines: 1 } },
        { ...line, undone: {} },
        { ...line, unknown: 1 },
      ];
      for (const changed of [...without, ...strange, ...more]) {
        if (!isHotEntry(changed)) continue;
        taken += 1;
        expect(bySchema(changed), JSON.stringify(changed)).toEqual(changed);
      }
    }
    expect(taken).toBeGreaterThan(50);
  });

  it('takes no time that the schema refuses', () => {
    const two = fc.integer({ min: 0, max: 70 }).map((value) => String(value).padStart(2, '0'));
    fc.assert(
      fc.property(fc.integer({ min: 1990, max: 2040 }), fc.tuple(two, two, two, two, two), (year, [month, day, hour, minute, second]) => {
        const line = { ...PLACE, type: 'alive', at: `${year}-${month}-${day}T${hour}:${minute}:${second}.123Z` };
        if (isHotEntry(line)) expect(bySchema(line)).toEqual(line);
      }),
      { numRuns: 3_000 },
    );
    for (let day = 0; day < 366; day += 1) {
      const line = { ...PLACE, type: 'alive', at: new Date(Date.UTC(2026, 0, 1 + day, 23, 59, 59, 999)).toISOString() };
      expect(isHotEntry(line), line.at).toBe(true);
    }
  });

  it('takes nothing that is no object', () => {
    for (const value of [null, undefined, 'alive', 1, ['alive'], Object.assign([], { type: 'alive' })]) expect(isHotEntry(value)).toBe(false);
  });
});
