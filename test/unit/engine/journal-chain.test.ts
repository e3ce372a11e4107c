import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChainEnd, encodeLine, genesis, readJournal } from '../../../src/engine/journal-chain.ts';
import type { EntryBody } from '../../../src/engine/journal-entries.ts';
import { isDrError } from '../../../src/errors/dr-error.ts';
import type { RunId, StepId } from '../../../src/model/ids.ts';

const RUN = 'east-20260301T030000Z-0001' as RunId;
const AT = '2026-03-01T03:00:00.000Z';

/** Lines of one owner that joins at `end`. */
function write(end: ChainEnd, bodies: readonly EntryBody[]): { readonly lines: readonly string[]; readonly end: ChainEnd } {
  const lines: string[] = [];
  let at = end;
  for (const body of bodies) {
    const encoded = encodeLine(body, at, AT);
    lines.push(encoded.line);
    at = encoded.end;
  }
  return { lines, end: at };
}

function segment(lines: readonly string[], tail = ''): { readonly owner: string; readonly text: string } {
  return { owner: 'x', text: lines.map((line) => `${line}\n`).join('') + tail };
}

const skipped = (reason: string): EntryBody => ({ type: 'step-skipped', step: 'a' as StepId, reason });
const first = write(genesis(RUN), [skipped('1'), skipped('2'), skipped('3')]);
const second = write(first.end, [skipped('4'), skipped('5')]);

function reasons(segments: Parameters<typeof readJournal>[1]): readonly string[] {
  return readJournal(RUN, segments).entries.flatMap((entry) => (entry.type === 'step-skipped' ? [entry.reason] : []));
}

function fault(segments: Parameters<typeof readJournal>[1]): unknown {
  try {
    readJournal(RUN, segments);
    return 'none';
  } catch (error) {
    return isDrError(error, 'JOURNAL_BROKEN') ? [error.details['segment'], error.details['line']] : error;
  }
}

describe('a journal', () => {
  it('reads what was written, over several owners', () => {
    expect(reasons([segment(first.lines), segment(second.lines)])).toEqual(['1', '2', '3', '4', '5']);
    expect(readJournal(RUN, [segment(first.lines), segment(second.lines)])).toMatchObject({ end: second.end, segments: 2, torn: undefined, fencedLines: 0 });
  });

  it('is empty without segments and with empty ones', () => {
    expect(readJournal(RUN, [segment([]), segment([])])).toMatchObject({ entries: [], end: genesis(RUN), segments: 2, torn: undefined });
  });

  it.each([
    ['an unfinished last line', '{"seq":4,"pr', 12],
    ['a last line of NUL bytes, as a power cut leaves it', `${'\0'.repeat(9)}\n`, 10],
    ['an unfinished line of NUL bytes', '\0'.repeat(7), 7],
  ])('cuts %s', (_what, tail, bytes) => {
    expect(readJournal(RUN, [segment(first.lines, tail)])).toMatchObject({ end: first.end, torn: { segment: 1, bytes } });
    expect(reasons([segment(first.lines, tail), segment(second.lines)])).toEqual(['1', '2', '3', '4', '5']);
    expect(readJournal(RUN, [segment(first.lines, tail), segment([])])).toMatchObject({ end: first.end, torn: { segment: 1, bytes } });
    expect(readJournal(RUN, [segment(first.lines, tail), segment(second.lines)]).torn).toBeUndefined();
  });

  it('does not count what an owner wrote after it had been replaced', () => {
    const late = write(first.end, [skipped('late 1'), skipped('late 2')]);
    const segments = [segment([...first.lines, ...late.lines], '{"half'), segment(second.lines)];
    expect(reasons(segments)).toEqual(['1', '2', '3', '4', '5']);
    expect(readJournal(RUN, segments).fencedLines).toBe(2);
  });

  it('does not count an owner that was replaced before its first line', () => {
    const late = write(first.end, [skipped('late')]);
    expect(reasons([segment(first.lines), segment(late.lines), segment(second.lines)])).toEqual(['1', '2', '3', '4', '5']);
  });

  it.each([
    ['a changed line', [first.lines[0]?.replace('"1"', '"X"'), first.lines[1]], [1, 2]],
    ['a missing line', [first.lines[0], first.lines[2]], [1, 2]],
    ['a missing first line', [first.lines[1]], [1, 1]],
    ['lines out of order', [first.lines[1], first.lines[0]], [1, 1]],
    ['a line twice', [first.lines[0], first.lines[0]], [1, 2]],
    ['a line that is not JSON', ['hello', first.lines[0]], [1, 1]],
    ['a line that is no entry', [first.lines[0], '{"seq":2}'], [1, 2]],
    ['an entry of an unknown type', [first.lines[0]?.replace('step-skipped', 'step-skippd')], [1, 1]],
  ])('is broken by %s, and names the place', (_what, lines, place) => {
    expect(fault([segment(lines.filter((line) => line !== undefined))])).toEqual(place);
  });

  it('is broken when an owner joins at a line that is not there', () => {
    expect(fault([segment(first.lines.slice(0, 2).concat(first.lines[2]?.replace('"3"', '"X"') ?? '')), segment(second.lines)])).toEqual([2, 1]);
  });

  it('of one run cannot stand in for that of another', () => {
    expect(() => readJournal('west-20260301T030000Z-0001' as RunId, [segment(first.lines)])).toThrow('segment 1, line 1');
  });

  it('shows any change of any byte but in its last line, which only the final line vouches for', () => {
    const text = first.lines.map((line) => `${line}\n`).join('');
    const covered = text.length - (first.lines[2]?.length ?? 0) - 1;
    fc.assert(
      fc.property(fc.nat(covered - 2), fc.integer({ min: 1, max: 90 }), (at, shift) => {
        const char = String.fromCharCode(((text.charCodeAt(at) - 32 + shift) % 95) + 32);
        fc.pre(char !== text[at] && text[at] !== '\n');
        const changed = text.slice(0, at) + char + text.slice(at + 1);
        expect(fault([{ owner: 'x', text: changed }]), `${at}: ${char}`).not.toBe('none');
      }),
    );
  });
});
