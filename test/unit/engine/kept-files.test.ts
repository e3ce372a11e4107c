import { describe, expect, it } from 'vitest';
import { keepFile, keptFiles, newestOf, seriesKey } from '../../../src/engine/kept-files.ts';
import type { RunScope } from '../../../src/engine/run-scope.ts';
import { digestOf } from '../../../src/model/digest.ts';
import type { StepId } from '../../../src/model/ids.ts';
import { MemoryRunStore } from '../../fakes/memory-run-store.ts';

const STEP = 'salvage' as StepId;

function place(store: MemoryRunStore): Pick<RunScope<unknown>, 'frozen' | 'env'> {
  const frozen = { id: 'east-20260301T030000Z-0000', cluster: 'east', startedAt: '2026-03-01T03:00:00.000Z' };
  return { frozen, env: { store } } as unknown as Pick<RunScope<unknown>, 'frozen' | 'env'>;
}

describe('files that a step keeps', () => {
  it('are kept once: the second content under one name is not written, and its digest is that of the first', async () => {
    const here = place(new MemoryRunStore());
    const keep = async (text: string) => await keepFile(here, { step: STEP, name: 'specs.json', content: Buffer.from(text) });
    expect(await keep('first')).toBe(digestOf('first'));
    expect(await keep('second')).toBe(digestOf('first'));
    expect(Buffer.from((await keptFiles(here, STEP).read('specs.json')) ?? []).toString()).toBe('first');
    expect(await keptFiles(here, 'other' as StepId).read('specs.json')).toBeUndefined();
  });

  it('of a series the newest from before the run is read, of this cluster only', async () => {
    const store = new MemoryRunStore();
    const put = async (cluster: string, at: string) => await store.putIfAbsent(seriesKey('baselines', { cluster, at }), Buffer.from(at));
    const read = async () => (await keptFiles(place(store), STEP).latest('baselines'))?.name;
    expect(await read()).toBeUndefined();
    for (const at of ['2026-02-27T10:00:00.000Z', '2026-03-01T02:59:59.999Z', '2026-03-01T03:00:00.001Z']) await put('east', at);
    await put('west', '2026-03-01T03:00:00.000Z');
    expect(await read()).toBe('baselines/east/20260301T025959.999Z.json');
  });

  it('newestOf sorts by time, whatever the order of the keys', () => {
    const keys = ['a/20260301T010000.000Z.json', 'a/20260301T020000.000Z.json', 'a/20251231T235959.999Z.json'];
    expect(newestOf(keys.toReversed())).toBe('a/20260301T020000.000Z.json');
    expect(newestOf(keys, '2026-03-01T01:00:00.000Z')).toBe('a/20260301T010000.000Z.json');
    expect(newestOf([])).toBeUndefined();
  });
});
