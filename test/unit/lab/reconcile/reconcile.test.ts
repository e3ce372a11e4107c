import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changesOf } from '../../../../src/lab/reconcile/changes.ts';
import { WorkQueue } from '../../../../src/lab/reconcile/work-queue.ts';
import { type KubeObject, refKey, refOf } from '../../../../src/model/kube-object.ts';
import type { LiveSet } from '../../../../src/ports/kube-cluster.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

describe('WorkQueue', () => {
  const { signal } = new AbortController();

  it('holds a key once, and again after it was added while busy', async () => {
    const queue = new WorkQueue(new FakeClock());
    queue.add('a');
    queue.add('a');
    expect(await queue.take(signal)).toBe('a');
    queue.add('a');
    queue.add('b');
    expect(await queue.take(signal)).toBe('b');
    queue.done('a');
    expect(await queue.take(signal)).toBe('a');
  });

  it('wakes every worker that waits', async () => {
    const queue = new WorkQueue(new FakeClock());
    const taken = [queue.take(signal), queue.take(signal)];
    queue.add('a');
    queue.add('b');
    expect((await Promise.all(taken)).sort()).toEqual(['a', 'b']);
  });

  it('gives a delayed key when its time has come, or at once when it is added', async () => {
    const clock = new FakeClock();
    const queue = new WorkQueue(clock);
    queue.addAfter('late', 1_000);
    queue.addAfter('early', 1_000);
    queue.add('early');
    expect(await queue.take(signal)).toBe('early');
    const late = queue.take(signal);
    await clock.advance(1_000);
    expect(await late).toBe('late');
  });

  it('rejects a waiting worker when it is told to end', async () => {
    const end = new AbortController();
    const waiting = new WorkQueue(new FakeClock()).take(end.signal);
    end.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});

/** A live set that the test fills by hand and that asks predicates more often than it has to. */
class ManualSet implements LiveSet {
  readonly objects = new Map<string, KubeObject>();
  #wake: (() => void)[] = [];

  set(name: string, resourceVersion: string | undefined): void {
    const object: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...(resourceVersion === undefined ? {} : { resourceVersion }) } };
    if (resourceVersion === undefined) this.objects.delete(refKey(refOf(object)));
    else this.objects.set(refKey(refOf(object)), object);
    for (const wake of this.#wake) wake();
  }

  async until<T>(predicate: (objects: ReadonlyMap<string, KubeObject>) => T | undefined): Promise<T> {
    const now = predicate(this.objects);
    if (now !== undefined) return now;
    return new Promise((resolve) => {
      this.#wake.push(() => {
        const value = predicate(this.objects);
        if (value !== undefined) resolve(value);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wake = [];
  }
}

describe('changesOf', () => {
  it('loses no change, however changes and turns fall together', async () => {
    const step = fc.record({ name: fc.constantFrom('a', 'b', 'c'), version: fc.option(fc.nat(5).map(String), { nil: undefined }), turn: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const set = new ManualSet();
        const end = new AbortController();
        const known = new Map<string, string | undefined>();
        const reader = (async () => {
          for await (const changed of changesOf(set, end.signal))
            for (const object of changed) known.set(object.metadata.name, set.objects.get(refKey(refOf(object)))?.metadata.resourceVersion);
        })();
        for (const { name, version, turn } of steps) {
          set.set(name, version);
          if (turn) await new Promise((resolve) => setImmediate(resolve));
        }
        await new Promise((resolve) => setImmediate(resolve));
        for (const object of set.objects.values()) expect(known.get(object.metadata.name)).toBe(object.metadata.resourceVersion);
        for (const [name, version] of known) if (version !== undefined) expect(set.objects.has(`Pod ${name}`)).toBe(true);
        end.abort();
        set.set('end', '1');
        await reader;
      }),
      { numRuns: 50 },
    );
  });
});
