import { describe, expect, it } from 'vitest';
import type { EventBody } from '../../../src/engine/run-scope.ts';
import { eventLine } from '../../../src/report/event-line.ts';
import { createJsonView } from '../../../src/report/json-lines.ts';
import { createPlainView } from '../../../src/report/plain-lines.ts';
import { event, id, RUN, started } from './events.ts';

const step = id('provision');
const hold = { id: 'backup-location/a', kind: 'backup-location' as const, subject: 'a is ReadOnly', prior: {}, releaseWhen: 'verified' };

const from = { host: 'mercury', boot: 'b', pid: 7, startTime: '1', user: 'ops' };

const LINES: readonly (readonly [EventBody, string | undefined])[] = [
  [{ type: 'step-state', step, state: 'pending' }, undefined],
  [{ type: 'step-state', step, state: 'ready' }, undefined],
  [{ type: 'step-state', step, state: 'running' }, 'provision: started'],
  [{ type: 'step-state', step, state: 'succeeded', elapsedMs: 1_500 }, 'provision: succeeded after 1.5 s'],
  [{ type: 'step-state', step, state: 'failed', reason: 'no machine', elapsedMs: 10 }, 'provision: FAILED after 10 ms: no machine'],
  [{ type: 'step-state', step, state: 'blocked', reason: "needs 'fence', which failed" }, "provision: not started: needs 'fence', which failed"],
  [{ type: 'step-state', step, state: 'skipped', reason: 'not in drills' }, 'provision: skipped: not in drills'],
  [{ type: 'step-state', step, state: 'cancelled', reason: 'stopped by SIGINT' }, 'provision: cancelled: stopped by SIGINT'],
  [{ type: 'step-state', step, state: 'waiting', reason: 'traffic moves' }, 'provision: waits for a person: traffic moves'],
  [{ type: 'step-progress', step, progress: { message: 'applying', done: 3, total: 9 } }, 'provision: applying (3 of 9 objects)'],
  [{ type: 'step-progress', step, progress: { message: 'applying', done: 0, total: 0 } }, 'provision: applying'],
  [{ type: 'step-progress', step, progress: { message: 'copying', done: 1, total: 2, unit: 'volumes' } }, 'provision: copying (1 of 2 volumes)'],
  [
    { type: 'step-retry', step, attempt: 2, delayMs: 4_000, error: { code: 'S3_UNAVAILABLE', message: 'gone' } },
    'provision: try 2 in 4.0 s, because S3_UNAVAILABLE: gone',
  ],
  [{ type: 'effect', step, name: 'delete', key: 'a/b', state: 'found-done' }, 'provision: delete a/b was done already'],
  [{ type: 'gate', step, gate: { reason: 'traffic moves', approve: 1 }, state: 'asked' }, undefined],
  [{ type: 'gate', step, gate: { reason: 'traffic moves', approve: 1 }, state: 'approved', by: 'ann' }, 'provision: approved by ann'],
  [{ type: 'hold', hold, state: 'held' }, 'hold: a is ReadOnly'],
  [{ type: 'hold', hold, state: 'released' }, 'hold released: backup-location/a'],
  [{ type: 'journal', message: 'cut a torn line' }, 'journal: cut a torn line'],
  [
    { type: 'store', state: 'away', forMs: 25_000 },
    'state store: no line has got through for 25.0 s; running steps are stopped and looked at again once it answers',
  ],
  [{ type: 'store', state: 'back', forMs: 120_000 }, 'state store: answers again after 2 min 0 s; steps go on'],
  [
    { type: 'take-over', state: 'waiting', from, reason: 'it hangs', forMs: 35_000, waitsFor: 'it may be at work' },
    "take-over (it hangs): process 7 of ops on host 'mercury' has lost the run; nothing is begun for 35.0 s: it may be at work",
  ],
  [
    { type: 'take-over', state: 'over', from, reason: 'it hangs', forMs: 6_000, waitsFor: 'it may be at work' },
    "take-over: waited 6.0 s for process 7 of ops on host 'mercury'",
  ],
  [{ type: 'run-ended', state: 'failed', elapsedMs: 65_000 }, `run ${RUN} failed after 1 min 5 s`],
];

describe('eventLine', () => {
  it.each(LINES)('says %j', (body, line) => {
    expect(eventLine(event(body))).toBe(line);
  });
});

describe('plain view', () => {
  it('writes one line an event with its time, and none for what a person need not know', () => {
    let text = '';
    const view = createPlainView((part) => {
      text += part;
    });
    view.onEvent(started('a', 'b'));
    view.onEvent(event({ type: 'step-state', step: id('a'), state: 'ready' }));
    view.onEvent(event({ type: 'journal', message: 'two\n  lines' }));
    expect(text).toBe(`03:00:00Z run ${RUN} started: 2 steps\n03:00:00Z journal: two lines\n`);
  });
});

describe('JSON view', () => {
  it('writes every event as one line that reads back the same', () => {
    const lines: string[] = [];
    const view = createJsonView((part) => lines.push(part));
    const events = [started('a'), event({ type: 'step-state', step: id('a'), state: 'pending' })];
    for (const one of events) view.onEvent(one);
    expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(events);
  });
});
