import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { underSignals } from '../../../src/engine/joined-signal.ts';

describe('work under several signals', () => {
  it('is aborted with the reason of whichever aborts first, and only once', async () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const reasons = await underSignals([one.signal, other.signal], async (signal) => {
      const seen: unknown[] = [];
      signal.addEventListener('abort', () => seen.push(signal.reason));
      other.abort('other');
      one.abort('one');
      return [...seen, signal.reason];
    });
    expect(reasons).toEqual(['other', 'other']);
  });

  it('begins aborted where one of them is', async () => {
    const aborted = AbortSignal.abort('before');
    const reason = await underSignals([new AbortController().signal, aborted], async (signal) => (signal.aborted ? signal.reason : 'not aborted'));
    expect(reason).toBe('before');
  });

  it('gives what the work gives and throws what it throws, and follows them no more', async () => {
    const source = new AbortController();
    let left: AbortSignal | undefined;
    const work = underSignals([source.signal], async (signal) => {
      left = signal;
      return 'done';
    });
    expect(await work).toBe('done');
    await expect(underSignals([source.signal], async () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    source.abort('late');
    expect(left?.aborted).toBe(false);
  });

  it('listens once to a signal, however many work under it, and aborts them all', async () => {
    const shared = new AbortController();
    const waiting = Array.from({ length: 40 }, async (_, index) =>
      underSignals([shared.signal, new AbortController().signal], async (signal) => {
        const { promise, resolve } = Promise.withResolvers<string>();
        signal.addEventListener('abort', () => resolve(`${index} ${String(signal.reason)}`));
        return await promise;
      }),
    );
    expect(getEventListeners(shared.signal, 'abort')).toHaveLength(1);
    shared.abort('stop');
    expect(await Promise.all(waiting)).toEqual(waiting.map((_, index) => `${index} stop`));
  });
});
