import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import { lookUntil } from '../../../src/steps/wait.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

const late = (): DrError => new DrError({ code: 'STEP_FAILED', message: 'it does not come' });

/** Looks that find something at the last of these times at the earliest; gives the times of all looks, in milliseconds. */
async function looks(foundAtMs: number, options: { readonly apartMs: number; readonly limitMs?: number }) {
  const clock = new FakeClock();
  const times: number[] = [];
  const found = lookUntil({ clock, signal: new AbortController().signal }, options.limitMs ?? 60_000, {
    apartMs: options.apartMs,
    late,
    look: async () => {
      times.push(Math.round(clock.monotonic()));
      return clock.monotonic() >= foundAtMs ? 'there' : undefined;
    },
  });
  const end = await clock.runUntil(found).catch((error: unknown) => error);
  return { times, end, pending: clock.pending };
}

describe('looking until something is there', () => {
  it('does not wait for what is there already', async () => {
    expect(await looks(0, { apartMs: 1_000 })).toEqual({ times: [0], end: 'there', pending: 0 });
  });

  it('looks again soon, then ever more seldom, and never further apart than it was told', async () => {
    const { times } = await looks(6_000, { apartMs: 1_000 });
    expect(times).toEqual([0, 50, 125, 238, 406, 659, 1_039, 1_609, 2_463, 3_463, 4_463, 5_463, 6_463]);
  });

  it('is as short from the beginning as it was told, where that is less', async () => {
    expect((await looks(100, { apartMs: 30 })).times).toEqual([0, 30, 60, 90, 120]);
  });

  it('sees what takes long at most half as late again as it took, and what takes longer by one gap', async () => {
    for (const atMs of [60, 130, 500, 1_100, 2_000, 7_001]) {
      const { times } = await looks(atMs, { apartMs: 1_000 });
      expect((times.at(-1) ?? 0) - atMs).toBeLessThanOrEqual(Math.min(1_000, atMs / 2 + 50));
    }
  });

  it('ends at its limit, not at the next look, with what it waited for', async () => {
    const { times, end, pending } = await looks(60_000, { apartMs: 1_000, limitMs: 3_000 });
    expect([times.at(-1), end, pending]).toEqual([2_463, expect.objectContaining({ code: 'STEP_FAILED', message: 'it does not come' }), 0]);
  });

  it('ends at its limit with what it was told to give, where being late is no error', async () => {
    const clock = new FakeClock();
    const found = lookUntil<boolean>({ clock, signal: new AbortController().signal }, 3_000, {
      apartMs: 1_000,
      late: () => false,
      look: async () => undefined,
    });
    expect([await clock.runUntil(found), clock.pending]).toEqual([false, 0]);
  });

  it('ends with the signal of its step, and does not call that late', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const found = lookUntil({ clock, signal: stop.signal }, 60_000, { apartMs: 1_000, late, look: async () => undefined });
    await clock.advance(1_000);
    stop.abort(new Error('stopped'));
    await expect(found).rejects.toThrow('stopped');
    expect(clock.pending).toBe(0);
  });
});
