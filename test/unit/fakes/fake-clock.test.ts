import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../fakes/fake-clock.ts';

describe('FakeClock', () => {
  it('fires timers in order of their due time, at that time, also those set on the way', async () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    const after = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      fired.push(`${name} ${clock.monotonic()}`);
    };
    void after('late', 30);
    void after('early', 10).then(() => after('chained', 5));
    await clock.advance(29);
    expect(fired).toEqual(['early 10', 'chained 15']);
    await clock.advance(1);
    expect(fired).toEqual(['early 10', 'chained 15', 'late 30']);
    expect(clock.now()).toBe(Date.parse('2026-03-01T03:00:00.030Z'));
  });

  it('rejects a sleep with the reason of its signal and forgets its timer', async () => {
    const clock = new FakeClock();
    const abort = new AbortController();
    const sleep = clock.sleep(10, abort.signal);
    abort.abort('enough');
    await expect(sleep).rejects.toBe('enough');
    await expect(clock.sleep(10, AbortSignal.abort('before'))).rejects.toBe('before');
    expect(clock.pending).toBe(0);
  });

  it('runs until a promise settles, and says when nothing could settle it', async () => {
    const clock = new FakeClock();
    expect(await clock.runUntil(clock.sleep(7_200_000).then(() => clock.monotonic()))).toBe(7_200_000);
    await expect(clock.runUntil(new Promise(() => undefined))).rejects.toThrow('not the clock');
    await expect(clock.runUntil(Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});
