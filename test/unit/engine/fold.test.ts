import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeLine, genesis } from '../../../src/engine/journal-chain.ts';
import { type EntryBody, type JournalEntry, parseEntry } from '../../../src/engine/journal-entries.ts';
import { applyEntry, foldJournal, type RunState } from '../../../src/engine/run-state.ts';
import type { RunId, StepId } from '../../../src/model/ids.ts';
import { opening, runEntries, stepEntries } from '../../support/every-entry.ts';

const RUN = 'east-20260301T030000Z-0001' as RunId;
const STEPS = ['a', 'b', 'c'] as StepId[];

/** Chains bodies as an owner would, one second apart. */
function chained(bodies: readonly EntryBody[]): readonly JournalEntry[] {
  let end = genesis(RUN);
  return bodies.map((body, index) => {
    const line = encodeLine(body, end, new Date(Date.UTC(2026, 2, 1) + index * 1_000).toISOString());
    end = line.end;
    return line.entry;
  });
}

const aboutSteps = fc.constantFrom(...STEPS).chain((step) => fc.constantFrom(...stepEntries(step)));
const anyBody = fc.oneof(
  { weight: 4, arbitrary: aboutSteps },
  fc.constantFrom(...STEPS).chain((step) => fc.constantFrom(...runEntries(step))),
);
const journals = fc.array(anyBody, { maxLength: 60 }).map((bodies) => chained([...opening(RUN), ...bodies]));

/** State as plain data, steps and holds by name, so that the order in which they came does not matter. */
function plain(state: RunState): unknown {
  return structuredClone({
    ...state,
    steps: Object.fromEntries(state.steps),
    holds: Object.fromEntries(state.holds),
    requests: Object.fromEntries(state.requests),
  });
}

function frozenDeep<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) frozenDeep(item);
  }
  return value;
}

describe('the fold of a journal', () => {
  it('of a prefix, gone on with the rest, is the fold of all of it', () => {
    fc.assert(
      fc.property(journals, fc.nat(), (entries, cut) => {
        const at = cut % (entries.length + 1);
        const rest = entries.slice(at).reduce(applyEntry, foldJournal(entries.slice(0, at)));
        expect(plain(rest)).toEqual(plain(foldJournal(entries)));
      }),
    );
  });

  it('gives the same each time and leaves the entries as they are', () => {
    fc.assert(
      fc.property(journals, (entries) => {
        const fixed = frozenDeep(entries);
        expect(plain(foldJournal(fixed))).toEqual(plain(foldJournal(fixed)));
      }),
    );
  });

  it('does not depend on which of two steps was written about first', () => {
    fc.assert(
      fc.property(journals, aboutSteps, aboutSteps, (entries, one, other) => {
        fc.pre('step' in one && 'step' in other && one.step !== other.step && !('request' in one && 'request' in other));
        const state = (...pair: readonly EntryBody[]): RunState => {
          const at = '2026-03-02T00:00:00.000Z';
          return pair.reduce<RunState>((before, body) => applyEntry(before, { seq: 1, prev: genesis(RUN).digest, at, ...body }), foldJournal(entries));
        };
        expect(plain(state(one, other))).toEqual(plain(state(other, one)));
      }),
    );
  });

  it('of another step changes nothing of a step', () => {
    fc.assert(
      fc.property(journals, (entries) => {
        const isAbout = (entry: JournalEntry): boolean => !('step' in entry) || entry.step === 'a';
        expect(foldJournal(entries.filter(isAbout)).steps.get('a' as StepId)).toEqual(foldJournal(entries).steps.get('a' as StepId));
      }),
    );
  });

  it('under a new owner trusts no state, and keeps what was proven, done, decided and put aside', () => {
    fc.assert(
      fc.property(journals, (entries) => {
        const before = foldJournal(entries);
        const [, owner] = opening(RUN);
        const after = foldJournal(chained([...entries.map(({ seq: _seq, prev: _prev, at: _at, ...body }) => body), owner as EntryBody]));
        for (const [id, step] of after.steps) {
          const { verified, effects, decisions, attestations, skip } = before.steps.get(id) ?? step;
          expect(step).toMatchObject({ state: 'pending', tries: 0, verified, decisions, attestations });
          expect([...step.effects.keys(), step.skip]).toEqual([...effects.keys(), skip]);
        }
        expect([after.status, after.end, [...after.holds.keys()]]).toEqual(['running', undefined, [...before.holds.keys()]]);
      }),
    );
  });

  it('after a change counts nothing as proven or settled that was given something else, and leaves the rest alone', () => {
    fc.assert(
      fc.property(journals, (entries) => {
        const before = foldJournal(entries);
        const change = runEntries('a' as StepId).find(({ type }) => type === 'changed') as EntryBody;
        const after = applyEntry(foldJournal(entries), { seq: 1, prev: genesis(RUN).digest, at: '2026-03-02T00:00:00.000Z', ...change });
        const touched = after.steps.get('a' as StepId);
        if (touched !== undefined) expect([touched.verified, [...touched.effects.values()].some(({ state }) => state === 'done')]).toEqual([false, false]);
        for (const id of ['b', 'c'] as StepId[]) expect(after.steps.get(id)).toEqual(before.steps.get(id));
        expect(after.changes.length).toBe(before.changes.length + 1);
      }),
    );
  });

  it('reads lines that a newer version has written more into, as if it had not', () => {
    fc.assert(
      fc.property(
        journals,
        fc.dictionary(
          fc.string().map((name) => `new-${name}`),
          fc.jsonValue(),
        ),
        (entries, extra) => {
          for (const entry of entries) expect(parseEntry({ ...entry, ...extra })).toEqual(parseEntry(entry));
        },
      ),
      { numRuns: 30 },
    );
  });
});
