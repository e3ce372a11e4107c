import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CriticalStep, criticalPath, type TimedStep } from '../../../src/operations/critical-path.ts';

function step(id: string, times: readonly [number, number] | undefined, needs: readonly string[] = []): TimedStep<string> {
  return { id, needs, ...(times === undefined ? {} : { span: { from: times[0], to: times[1] } }) };
}

function ids(path: readonly CriticalStep<string>[]): readonly string[] {
  return path.map(({ id }) => id);
}

function sum(path: readonly CriticalStep<string>[]): number {
  return path.reduce((total, { elapsedMs, waitedMs, idleMs }) => total + elapsedMs + waitedMs + idleMs, 0);
}

describe('criticalPath', () => {
  it('follows at every step the need that ended last', () => {
    const steps = [step('a', [0, 10]), step('b', [0, 30]), step('c', [30, 40], ['a', 'b']), step('d', [10, 35], ['a'])];
    expect(criticalPath(steps, { start: 0 })).toEqual([
      { id: 'b', elapsedMs: 30, waitedMs: 0, idleMs: 0 },
      { id: 'c', elapsedMs: 10, waitedMs: 0, idleMs: 0 },
    ]);
  });

  it('is not the chain with the longest sum when another one ended later', () => {
    const steps = [step('long', [0, 50]), step('late', [55, 60], ['short']), step('short', [0, 5])];
    expect(ids(criticalPath(steps, { start: 0 }))).toEqual(['short', 'late']);
  });

  it('passes through steps that did not run', () => {
    const steps = [step('a', [0, 10]), step('skipped', undefined, ['a']), step('c', [10, 12], ['skipped'])];
    expect(ids(criticalPath(steps, { start: 0 }))).toEqual(['a', 'c']);
  });

  it('tells waiting for a person from time in which nothing happened', () => {
    const waiting = { ...step('cutover', [100, 110], ['a']), waits: [{ from: 20, to: 90 }] };
    expect(criticalPath([step('a', [5, 10]), waiting], { start: 0 })).toEqual([
      { id: 'a', elapsedMs: 5, waitedMs: 0, idleMs: 5 },
      { id: 'cutover', elapsedMs: 10, waitedMs: 70, idleMs: 20 },
    ]);
  });

  it('does not count the time between two owners as work', () => {
    expect(criticalPath([step('a', [0, 100])], { start: 0, gaps: [{ from: 20, to: 90 }] })).toEqual([{ id: 'a', elapsedMs: 30, waitedMs: 0, idleMs: 70 }]);
  });

  it('leaves out a need that was done again after what needed it', () => {
    const steps = [step('again', [0, 90]), step('b', [0, 10]), step('c', [10, 80], ['again', 'b']), step('end', [90, 100], ['c'])];
    expect(ids(criticalPath(steps, { start: 0 }))).toEqual(['b', 'c', 'end']);
  });

  it('is empty when nothing has ended', () => {
    expect(criticalPath([step('a', undefined)], { start: 0 })).toEqual([]);
  });
});

/** Graphs in which every step that ran began after its needs had ended. */
const runs = fc
  .array(fc.record({ gap: fc.nat(20), ms: fc.nat(50), ran: fc.boolean(), needs: fc.array(fc.nat(30), { maxLength: 4 }) }), { minLength: 1, maxLength: 25 })
  .map((parts) => {
    const steps: TimedStep<string>[] = [];
    const done: number[] = [];
    for (const [index, { gap, ms, ran, needs }] of parts.entries()) {
      const before = index === 0 ? [] : [...new Set(needs.map((need) => need % index))];
      const ready = Math.max(0, ...before.map((need) => done[need] ?? 0));
      done.push(ran ? ready + gap + ms : ready);
      const names = before.map(String);
      steps.push(step(String(index), ran ? [ready + gap, ready + gap + ms] : undefined, names));
    }
    return steps;
  });

describe('criticalPath of any run', () => {
  it('covers exactly the time from the start to the last end', () => {
    fc.assert(
      fc.property(runs, (steps) => {
        const ends = steps.flatMap(({ span }) => (span === undefined ? [] : [span.to]));
        expect(sum(criticalPath(steps, { start: 0 }))).toBe(ends.length === 0 ? 0 : Math.max(...ends));
      }),
    );
  });

  it('is a chain: each step needs the one before it, directly or through steps that did not run', () => {
    fc.assert(
      fc.property(runs, (steps) => {
        const byId = new Map(steps.map((one) => [one.id, one]));
        const reaches = (from: string, to: string): boolean => {
          const needs = byId.get(from)?.needs ?? [];
          return needs.some((need) => need === to || (byId.get(need)?.span === undefined && reaches(need, to)));
        };
        const path = ids(criticalPath(steps, { start: 0 }));
        for (const [index, id] of path.entries()) if (index > 0) expect(reaches(id, path[index - 1] ?? '')).toBe(true);
      }),
    );
  });

  it('has no negative part, whatever the times are', () => {
    const anyTimes = fc.array(fc.tuple(fc.nat(100), fc.nat(100), fc.array(fc.nat(9), { maxLength: 3 })), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(anyTimes, (parts) => {
        const steps = parts.map(([from, ms, needs], index) => step(String(index), [from, from + ms], needs.filter((need) => need < index).map(String)));
        const path = criticalPath(steps, { start: 20, gaps: [{ from: 30, to: 60 }] });
        for (const { elapsedMs, waitedMs, idleMs } of path) expect(Math.min(elapsedMs, waitedMs, idleMs)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
