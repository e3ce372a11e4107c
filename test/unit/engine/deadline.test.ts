import { describe, expect, it } from 'vitest';
import { type DeadlineOptions, withDeadline } from '../../../src/engine/deadline.ts';
import { oneAtATime, type Prompter } from '../../../src/engine/prompter.ts';
import { recordError, restoreError } from '../../../src/engine/recorded-error.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

const late = (): DrError => new DrError({ code: 'STEP_TIMEOUT', message: 'too late' });

function run<T>(clock: FakeClock, work: DeadlineOptions<T>['work'], signal = new AbortController().signal): Promise<T> {
  return clock.runUntil(withDeadline({ clock, signal, timeoutMs: 1_000, late, work }));
}

describe('a deadline', () => {
  it('gives what the work gives, and leaves no timer', async () => {
    const clock = new FakeClock();
    expect(await run(clock, async (signal) => (await clock.sleep(999, signal), 'done'))).toBe('done');
    expect(clock.pending).toBe(0);
  });

  it('throws what the work throws before its abort, also before its first await', async () => {
    const clock = new FakeClock();
    const work = (): Promise<never> => {
      throw new Error('at once');
    };
    await expect(run(clock, work)).rejects.toThrow('at once');
    expect(clock.pending).toBe(0);
  });

  it('throws that it is late, whatever the work says after its abort', async () => {
    const clock = new FakeClock();
    const work = async (signal: AbortSignal): Promise<void> => await clock.sleep(5_000, signal).catch(() => Promise.reject(new Error('echo')));
    await expect(run(clock, work)).rejects.toMatchObject({ code: 'STEP_TIMEOUT', message: 'too late' });
    expect(clock.monotonic()).toBe(1_000);
  });

  it('counts what the work still gives after its abort', async () => {
    const clock = new FakeClock();
    expect(await run(clock, async (signal) => await clock.sleep(5_000, signal).catch(() => 'just done'))).toBe('just done');
  });

  it('passes on an abort from outside with its reason, also one that came before', async () => {
    const clock = new FakeClock();
    const reason = new DrError({ code: 'CANCELLED', message: 'stop' });
    await expect(run(clock, (signal) => clock.sleep(5_000, signal), AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('does not run while something is awaited that is not the work, however often and side by side', async () => {
    const clock = new FakeClock();
    const result = await run(clock, async (signal, pause) => {
      await clock.sleep(600, signal);
      await Promise.all([pause(() => clock.sleep(5_000)), pause(() => clock.sleep(9_000))]);
      await pause(() => clock.sleep(9_000));
      await clock.sleep(399, signal);
      return clock.monotonic();
    });
    expect(result).toBe(18_999);
    const tooLong = run(clock, async (signal, pause) => {
      await clock.sleep(600, signal);
      await pause(() => clock.sleep(9_000));
      await clock.sleep(401, signal);
    });
    await expect(tooLong).rejects.toMatchObject({ code: 'STEP_TIMEOUT' });
  });
});

describe('questions', () => {
  it('are asked one at a time, and go on after one that was withdrawn', async () => {
    const clock = new FakeClock();
    const asked: string[] = [];
    const slow: Prompter = {
      ask: async () => ({ answer: 'unavailable' }),
      askUnknown: async ({ what }, signal) => {
        asked.push(`${what} at ${clock.monotonic()}`);
        await clock.sleep(10, signal);
        return { answer: 'unavailable' };
      },
    };
    const prompter = oneAtATime(slow);
    const ask = (what: string, signal: AbortSignal): Promise<unknown> =>
      prompter.askUnknown({ run: 'r' as never, step: 's' as never, what, evidence: {} }, signal);
    const open = new AbortController().signal;
    const all = Promise.allSettled([ask('first', open), ask('second', AbortSignal.abort('gone')), ask('third', open)]);
    expect((await clock.runUntil(all)).map((each) => each.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(asked).toEqual(['first at 0', 'third at 10']);
  });
});

describe('a recorded error', () => {
  it('comes back as it was, without stack and cause', () => {
    const error = new DrError({ code: 'GIT_FAILED', message: 'no', details: { a: 1 }, suggestions: ['try'], cause: new Error('secret') });
    expect(JSON.stringify(recordError(error))).not.toContain('secret');
    expect(restoreError(recordError(error))).toMatchObject({
      code: 'GIT_FAILED',
      kind: 'precondition',
      message: 'no',
      details: { a: 1 },
      suggestions: ['try'],
    });
  });

  it('of a code that this version does not know is a failed step that names it', () => {
    expect(restoreError({ code: 'FROM_THE_FUTURE', message: 'no', details: {}, suggestions: [] })).toMatchObject({
      code: 'STEP_FAILED',
      message: 'FROM_THE_FUTURE: no',
    });
  });
});
