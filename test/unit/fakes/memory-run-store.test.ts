import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { describeRunStore } from '../../contract/run-store.ts';
import { MemoryRunStore } from '../../fakes/memory-run-store.ts';

describeRunStore('memory', async () => {
  const store = new MemoryRunStore();
  return { store, again: async () => store, pause: turn };
});

describe('MemoryRunStore', () => {
  it.each([
    ['before', 'one\n'],
    ['after', 'one\ntwo\n'],
  ] as const)('crashes %s an append and stays dead until it is revived', async (side, stored) => {
    const store = new MemoryRunStore();
    const log = await store.openLog('r', 'me', 0);
    store.crashAt({ append: 2, side });
    await log?.append(['one']);
    await expect(log?.append(['two'])).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(store.crashed).toBe(true);
    await expect(log?.append(['three'])).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await expect(store.putIfAbsent('a', new Uint8Array())).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await expect(store.readLog('r')).rejects.toMatchObject({ code: 'STORE_FAILED' });
    store.revive();
    expect(await store.readLog('r')).toEqual([{ owner: 'me', text: stored }]);
  });
});
