import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { LiveCache } from '../../../../src/adapters/kube/live-cache.ts';
import { DrError } from '../../../../src/errors/dr-error.ts';

const object = (name: string, value = 1) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'a' }, data: { value } });
const key = (name: string) => `ConfigMap a/${name}`;
const never = new AbortController().signal;

describe('LiveCache', () => {
  it('answers at once when the predicate is met already', async () => {
    const cache = new LiveCache();
    cache.replace([object('x')]);
    expect(await cache.until((objects) => objects.size, never)).toBe(1);
  });

  it('asks waiters once for all events of a batch, and not for bookmarks', async () => {
    const cache = new LiveCache();
    let asked = 0;
    const waiting = cache.until((objects) => {
      asked += 1;
      return objects.has(key('last')) ? 'done' : undefined;
    }, never);
    cache.take([{ type: 'BOOKMARK', object: object('') }]);
    expect(asked).toBe(1);
    cache.take([
      { type: 'ADDED', object: object('x') },
      { type: 'MODIFIED', object: object('x', 2) },
      { type: 'ADDED', object: object('last') },
    ]);
    expect(await waiting).toBe('done');
    expect(asked).toBe(2);
  });

  it('forgets what a new list does not hold', () => {
    const cache = new LiveCache();
    cache.replace([object('x'), object('y')]);
    cache.replace([object('y', 2)]);
    expect([...cache.objects.keys()]).toEqual([key('y')]);
    cache.take([{ type: 'DELETED', object: object('y') }]);
    expect(cache.objects.size).toBe(0);
  });

  it('fails waits present and future with the first failure', async () => {
    const cache = new LiveCache();
    const waiting = cache.until(() => undefined, never);
    cache.fail(new DrError({ code: 'KUBE_REFUSED', message: 'forbidden' }));
    cache.fail(new DrError({ code: 'CANCELLED', message: 'closed' }));
    await expect(waiting).rejects.toMatchObject({ code: 'KUBE_REFUSED' });
    await expect(cache.until(() => 1, never)).rejects.toMatchObject({ code: 'KUBE_REFUSED' });
  });

  it('tells a time limit from a cancellation, and passes on a reason that is an error of ours', async () => {
    const cache = new LiveCache();
    const aborted = (reason: unknown) => AbortSignal.abort(reason);
    const wait = async (signal: AbortSignal) => cache.until(() => undefined, signal);
    await expect(wait(aborted(new DOMException('late', 'TimeoutError')))).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE' });
    await expect(wait(aborted(undefined))).rejects.toMatchObject({ code: 'CANCELLED' });
    const own = new DrError({ code: 'STEP_TIMEOUT', message: 'too long' });
    await expect(wait(aborted(own))).rejects.toBe(own);
  });

  it('leaves no listener on a signal that outlives the wait', async () => {
    const cache = new LiveCache();
    const stop = new AbortController();
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
    const waiting = cache.until((objects) => (objects.size > 0 ? true : undefined), stop.signal);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1);
    cache.replace([object('x')]);
    await waiting;
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  });
});
