import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../src/adapters/clock/system-clock.ts';

describe('systemClock', () => {
  it('rejects with the reason of the signal, before and during a sleep', async () => {
    await expect(systemClock.sleep(1e9, AbortSignal.abort('before'))).rejects.toBe('before');
    const abort = new AbortController();
    const sleep = systemClock.sleep(1e9, abort.signal);
    abort.abort('during');
    await expect(sleep).rejects.toBe('during');
  });

  it('sleeps for nothing at all', async () => {
    await systemClock.sleep(0);
  });

  it('sleeps longer than one timer of Node can', async () => {
    vi.useFakeTimers();
    try {
      const month = 30 * 86_400_000;
      const started = Date.now();
      const woken = systemClock.sleep(month).then(() => Date.now() - started);
      await vi.advanceTimersByTimeAsync(month + 1_000);
      expect(await woken).toBe(month);
    } finally {
      vi.useRealTimers();
    }
  });

  it('never goes back', () => {
    expect(systemClock.monotonic()).toBeLessThanOrEqual(systemClock.monotonic());
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
  });
});
