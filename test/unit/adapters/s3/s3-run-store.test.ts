import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/adapters/clock/system-clock.ts';
import { journalKey } from '../../../../src/adapters/s3/journal-object.ts';
import { S3RunStore } from '../../../../src/adapters/s3/s3-run-store.ts';
import type { RunLog } from '../../../../src/ports/run-store.ts';
import { describeRunStore } from '../../../contract/run-store.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { type BucketFault, MemoryRunBucket } from '../../../fakes/memory-run-bucket.ts';

const RUN = 'east-20260301T030000Z-0001';
const bytes = (text: string): Uint8Array => Buffer.from(text);

describeRunStore('S3 over a bucket in memory', async () => {
  const bucket = new MemoryRunBucket();
  return { store: new S3RunStore(bucket, systemClock), again: async () => new S3RunStore(bucket, systemClock), pause: turn };
});

interface Bench {
  readonly bucket: MemoryRunBucket;
  readonly clock: FakeClock;
  readonly store: S3RunStore;
  /** Another process on the same bucket. */
  readonly other: S3RunStore;
}

function bench(): Bench {
  const [bucket, clock] = [new MemoryRunBucket(), new FakeClock()];
  return { bucket, clock, store: new S3RunStore(bucket, clock), other: new S3RunStore(bucket, clock) };
}

async function opened({ store }: Bench, owner = 'me', after = 0): Promise<RunLog> {
  const log = await store.openLog(RUN, owner, after);
  if (log === undefined) throw new Error('the segment is taken');
  return log;
}

/** Faults for the first requests that match, in their order. */
function once(pattern: RegExp, ...faults: readonly BucketFault[]): (request: string) => BucketFault | undefined {
  const left = [...faults];
  return (request) => (pattern.test(request) ? left.shift() : undefined);
}

const requests = ({ bucket }: Bench, pattern: RegExp): number => bucket.seen.filter((request) => pattern.test(request)).length;

describe('the probe', () => {
  it('comes before the first write, once, and leaves nothing behind', async () => {
    const at = bench();
    await Promise.all([at.store.putIfAbsent('a', bytes('1')), at.store.openLog(RUN, 'me', 0)]);
    expect(at.bucket.seen.slice(0, 2)).toEqual([expect.stringMatching(/^putNew probe-/), expect.stringMatching(/^putNew probe-/)]);
    expect(requests(at, /^putNew probe-/)).toBe(2);
    expect([...at.bucket.objects.keys()]).toEqual(['a', journalKey(RUN, 1)]);
  });

  it('refuses a server that ignores the condition, before anything is written', async () => {
    const at = bench();
    at.bucket.ignoresConditions = true;
    const refused = { code: 'STORE_FAILED', message: expect.stringContaining('true, true'), suggestions: [expect.stringContaining('If-None-Match')] };
    await expect(at.store.putIfAbsent('a', bytes('1'))).rejects.toMatchObject(refused);
    await expect(at.store.openLog(RUN, 'me', 0)).rejects.toMatchObject(refused);
    expect([...at.bucket.objects.keys()]).toEqual([]);
  });

  it('does not mind when it may not be removed', async () => {
    const at = bench();
    at.bucket.fault = once(/^remove/, 'denied');
    expect(await at.store.putIfAbsent('a', bytes('1'))).toBe(true);
  });

  it('is asked again after it could not be answered', async () => {
    const at = bench();
    at.bucket.fault = (request) => (request.startsWith('putNew probe') ? 'lost' : undefined);
    await expect(at.clock.runUntil(at.store.putIfAbsent('a', bytes('1')))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    at.bucket.fault = () => undefined;
    expect(await at.store.putIfAbsent('a', bytes('1'))).toBe(true);
  });

  it('is left out by whoever only reads', async () => {
    const at = bench();
    await Promise.all([at.store.get('a'), at.store.list('runs/'), at.store.readLog(RUN)]);
    expect(requests(at, /^put/)).toBe(0);
  });
});

describe('a write without an answer', () => {
  it('of a value that landed is ours', async () => {
    const at = bench();
    at.bucket.fault = once(/^putNew claims/, 'unanswered');
    expect(await at.clock.runUntil(at.store.putIfAbsent('claims/1', bytes('same')))).toBe(true);
    expect(await at.other.putIfAbsent('claims/1', bytes('same'))).toBe(false);
  });

  it('of a value that did not land, while somebody else wrote the very same, is theirs', async () => {
    const at = bench();
    for (const store of [at.store, at.other]) await store.putIfAbsent('elsewhere', bytes('x'));
    at.bucket.fault = once(/^putNew claims/, 'lost');
    const mine = at.store.putIfAbsent('claims/1', bytes('same'));
    expect(await at.other.putIfAbsent('claims/1', bytes('same'))).toBe(true);
    expect(await at.clock.runUntil(mine)).toBe(false);
  });

  it.each(['lost', 'unanswered', 'conflict'] as const)('of a line (%s) is settled: the line is there once and the writer goes on', async (fault) => {
    const at = bench();
    const log = await opened(at);
    at.bucket.fault = once(/^putNew .*journal/, fault, fault);
    await at.clock.runUntil(log.append(['one']));
    await log.append(['two']);
    expect(await at.other.readLog(RUN)).toEqual([{ owner: 'me', text: 'one\ntwo\n' }]);
  });

  it('of an opener is settled: it opens one segment', async () => {
    const at = bench();
    at.bucket.fault = once(/^putNew .*journal/, 'unanswered');
    const log = await at.clock.runUntil(opened(at));
    await log.append(['one']);
    expect(await at.other.readLog(RUN)).toEqual([{ owner: 'me', text: 'one\n' }]);
  });

  it('of a line, while a successor opens its segment, is replaced and never lands', async () => {
    const at = bench();
    const log = await opened(at);
    await at.other.putIfAbsent('elsewhere', bytes('x'));
    at.bucket.fault = once(/^putNew .*journal/, 'lost');
    const late = log.append(['late']);
    const successor = await at.other.openLog(RUN, 'next', 1);
    await expect(at.clock.runUntil(late)).rejects.toMatchObject({ code: 'RUN_REPLACED', kind: 'locked' });
    await successor?.append(['mine']);
    expect(await at.other.readLog(RUN)).toEqual([
      { owner: 'me', text: '' },
      { owner: 'next', text: 'mine\n' },
    ]);
  });
});

describe('a store that is away', () => {
  it('keeps an append pending for as long as it takes, later lines behind it', async () => {
    const at = bench();
    const log = await opened(at);
    at.bucket.fault = (request) => (request.startsWith('putNew') ? 'lost' : undefined);
    const state = { landed: 0 };
    const first = log.append(['one']).then(() => (state.landed += 1));
    await at.clock.advance(1_000);
    const rest = ['two', 'three'].map((line) => log.append([line]).then(() => (state.landed += 1)));
    await at.clock.advance(3_600_000);
    expect(state.landed).toBe(0);
    // At most one try in 2.5 s once it has waited long.
    expect(requests(at, /^putNew .*journal/)).toBeLessThan(1_460);
    at.bucket.fault = () => undefined;
    await at.clock.runUntil(Promise.all([first, ...rest]));
    expect(await at.other.readLog(RUN)).toEqual([{ owner: 'me', text: 'one\ntwo\nthree\n' }]);
    expect(at.bucket.objects.size).toBe(3);
  });

  it('is given up by all else after 20 s', async () => {
    const at = bench();
    await at.store.putIfAbsent('a', bytes('1'));
    at.bucket.fault = () => 'lost';
    const from = at.clock.monotonic();
    const calls = [at.store.get('a'), at.store.list(''), at.store.putIfAbsent('b', bytes('1')), at.store.readLog(RUN), at.store.openLog(RUN, 'me', 0)];
    const settled = await at.clock.runUntil(Promise.allSettled(calls));
    for (const result of settled) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE', kind: 'unavailable' } });
    expect(at.clock.monotonic() - from).toBeGreaterThan(15_000);
    expect(at.clock.monotonic() - from).toBeLessThanOrEqual(20_000);
  });

  it('does not keep the log from being closed: what is pending is told', async () => {
    const at = bench();
    const log = await opened(at);
    at.bucket.fault = () => 'lost';
    const pending = log.append(['one']);
    const outcome = expect(pending).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await at.clock.advance(60_000);
    await log[Symbol.asyncDispose]();
    await outcome;
    await expect(log.append(['two'])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(at.clock.pending).toBe(0);
  });

  it('lets lines through that come while the log is closed', async () => {
    const at = bench();
    const log = await opened(at);
    const lines = [log.append(['one']), log.append(['two'])];
    await log[Symbol.asyncDispose]();
    await Promise.all(lines);
    await expect(log.append(['three'])).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await at.other.readLog(RUN)).toEqual([{ owner: 'me', text: 'one\ntwo\n' }]);
  });
});

describe('an append', () => {
  it('that is refused for good ends the log', async () => {
    const at = bench();
    const log = await opened(at);
    at.bucket.fault = once(/^putNew/, 'denied');
    await expect(log.append(['one'])).rejects.toMatchObject({ code: 'STORE_FAILED', message: 'access denied' });
    await expect(log.append(['two'])).rejects.toMatchObject({ code: 'STORE_FAILED', message: 'access denied' });
    expect(at.bucket.objects.size).toBe(1);
  });

  it('shares an object with those that come while another is under way', async () => {
    const at = bench();
    const log = await opened(at);
    await Promise.all(Array.from({ length: 100 }, (_, index) => log.append([String(index)])));
    expect(requests(at, /^putNew .*journal/)).toBeLessThanOrEqual(3);
  });
});

describe('a journal as it is read', () => {
  const written = async (): Promise<Bench> => {
    const at = bench();
    const log = await opened(at);
    for (const line of ['one', 'two', 'three']) await log.append([line]);
    return at;
  };
  const whole = [{ owner: 'me', text: 'one\ntwo\nthree\n' }];

  it('does not depend on what the server lists', async () => {
    const at = await written();
    at.bucket.unlisted = (key) => key.endsWith('2') || key.endsWith('4');
    expect(await at.other.readLog(RUN)).toEqual(whole);
    at.bucket.unlisted = () => true;
    expect(await new S3RunStore(at.bucket, at.clock).readLog(RUN)).toEqual(whole);
  });

  it('tells its last line whatever the server lists, and by the last object alone', async () => {
    const at = await written();
    for (const unlisted of [() => false, () => true, (key: string) => key.endsWith('4')]) {
      at.bucket.unlisted = unlisted;
      const before = requests(at, /^get/);
      expect(await new S3RunStore(at.bucket, at.clock).readLogEnd(RUN)).toBe('three');
      expect(requests(at, /^get/) - before).toBeLessThanOrEqual(5);
    }
    at.bucket.unlisted = () => false;
    const before = requests(at, /^get/);
    await new S3RunStore(at.bucket, at.clock).readLogEnd(RUN);
    expect(requests(at, /^get/) - before).toBe(2);
    // What was read before is known.
    await at.other.readLog(RUN);
    expect(await at.other.readLogEnd(RUN)).toBe('three');
    at.bucket.objects.delete(journalKey(RUN, 4));
    at.bucket.unlisted = () => false;
    const list = at.bucket.list.bind(at.bucket);
    at.bucket.list = async (prefix, options) => ({ ...(await list(prefix, options)), keys: [journalKey(RUN, 4)] });
    await expect(new S3RunStore(at.bucket, at.clock).readLogEnd(RUN)).rejects.toMatchObject({ code: 'JOURNAL_BROKEN' });
  });

  it('is not read again where it was read before', async () => {
    const at = await written();
    await at.other.putIfAbsent('elsewhere', bytes('x'));
    await at.other.readLog(RUN);
    const before = requests(at, /^get/);
    const log = await at.other.openLog(RUN, 'next', 1);
    await log?.append(['four']);
    expect(await at.other.readLog(RUN)).toEqual([...whole, { owner: 'next', text: 'four\n' }]);
    expect(requests(at, /^get/) - before).toBe(4);
  });

  it.each([
    ['misses an object', (bucket: MemoryRunBucket) => bucket.objects.delete(journalKey(RUN, 3)), journalKey(RUN, 3)],
    ['has an object of another form', (bucket: MemoryRunBucket) => bucket.objects.set(journalKey(RUN, 2), { body: bytes('{"format":2}\nx\n') }), 'format 1'],
    ['has an object that is no text of ours', (bucket: MemoryRunBucket) => bucket.objects.set(journalKey(RUN, 2), { body: bytes('') }), journalKey(RUN, 2)],
    [
      'has lines of somebody who does not own it',
      (bucket: MemoryRunBucket) => bucket.objects.set(journalKey(RUN, 3), { body: bytes('{"format":1,"kind":"lines","writer":"x"}\nx\n') }),
      journalKey(RUN, 3),
    ],
    ['has a foreign object', (bucket: MemoryRunBucket) => bucket.objects.set(`${journalKey(RUN, 1)}.bak`, { body: bytes('') }), '.bak'],
  ])('is broken when it %s', async (_, damage, named) => {
    const at = await written();
    damage(at.bucket);
    await expect(at.other.readLog(RUN)).rejects.toMatchObject({ code: 'JOURNAL_BROKEN', message: expect.stringContaining(named) });
  });

  it('reads many objects in order', async () => {
    const at = bench();
    const log = await opened(at);
    for (let line = 0; line < 60; line += 1) await log.append([String(line)]);
    const [segment] = await at.other.readLog(RUN);
    expect(segment?.text).toBe(Array.from({ length: 60 }, (__, line) => `${line}\n`).join(''));
  });
});

it.each(['', '/a', 'a//b', '../a', 'a/../b', '.hidden', 'a b', 'a/'])('refuses %j as a key', async (key) => {
  const { store } = bench();
  await expect(store.putIfAbsent(key, bytes('x'))).rejects.toMatchObject({ code: 'BUG' });
  await expect(store.get(key)).rejects.toMatchObject({ code: 'BUG' });
});

it('lists values without asking for journals', async () => {
  const at = bench();
  const log = await opened(at);
  await log.append(['one']);
  await at.store.putIfAbsent(`runs/${RUN}/run.json`, bytes('{}'));
  expect(await at.store.list('runs/')).toEqual([`runs/${RUN}/run.json`]);
  expect(at.bucket.seen.filter((request) => request.startsWith('list')).at(-1)).toBe(`list runs/${RUN}/`);
});
