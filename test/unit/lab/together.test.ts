import { describe, expect, it } from 'vitest';
import { together } from '../../../src/lab/together.ts';

const untilAborted = async (signal: AbortSignal): Promise<void> => {
  await new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
};

describe('together', () => {
  it('runs all tasks side by side', async () => {
    const { promise: met, resolve } = Promise.withResolvers<string>();
    const done: string[] = [];
    // Each waits for the other: one after another they would never end.
    await together(new AbortController().signal, [
      async () => {
        done.push(await met);
      },
      async () => {
        resolve('met');
      },
    ]);
    expect(done).toEqual(['met']);
  });

  it('aborts the others on the first failure and throws that one, after all have ended', async () => {
    const ended: string[] = [];
    const work = together(new AbortController().signal, [
      async (signal) => {
        await untilAborted(signal).finally(() => ended.push('waiting'));
      },
      async () => {
        throw new Error('first');
      },
    ]);
    await expect(work).rejects.toThrow('first');
    expect(ended).toEqual(['waiting']);
  });

  it('passes the caller’s abort on', async () => {
    const caller = new AbortController();
    const work = together(caller.signal, [untilAborted]);
    caller.abort(new Error('enough'));
    await expect(work).rejects.toThrow('enough');
  });
});
