import { describe, expect, it } from 'vitest';
import type { RunLog, RunStore } from '../../src/ports/run-store.ts';

const RUN = 'east-20260301T030000Z-0001';
const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : Buffer.from(value).toString());

async function* chunks(...parts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const part of parts) yield bytes(part);
}

/** Opens a segment that must be free. */
async function openFree(store: RunStore, owner: string, after: number): Promise<RunLog> {
  const log = await store.openLog(RUN, owner, after);
  if (log === undefined) throw new Error(`segment ${after + 1} is taken`);
  return log;
}

/** A run store, and how others reach it. */
export interface RunStoreSubject {
  readonly store: RunStore;
  /** Another connection to the same place, as another process would have. */
  again(): Promise<RunStore>;
  /** Time that a busy owner lets pass between two appends. */
  pause(): Promise<void>;
}

const CONTENDERS = 20;
const ROUNDS = 5;

/** What every `RunStore` does. `openSubject` gives a new, empty one each time. */
export function describeRunStore(name: string, openSubject: () => Promise<RunStoreSubject>): void {
  const open = async (): Promise<RunStore> => (await openSubject()).store;
  describe(`RunStore contract: ${name}`, () => {
    it('keeps the first value of a key and refuses the second', async () => {
      const store = await open();
      expect(await store.putIfAbsent('clusters/east/claims/000001', bytes('first'))).toBe(true);
      expect(await store.putIfAbsent('clusters/east/claims/000001', bytes('second'))).toBe(false);
      expect(textOf(await store.get('clusters/east/claims/000001'))).toBe('first');
    });

    it('gives nothing for a key that is not there', async () => {
      const store = await open();
      expect(await store.get('a/b')).toBeUndefined();
      expect(await store.list('a/')).toEqual([]);
      expect(await store.readLog(RUN)).toEqual([]);
    });

    it('keeps values byte for byte, empty ones too', async () => {
      const store = await open();
      const all = Uint8Array.from({ length: 256 }, (_, index) => index);
      await store.putIfAbsent('all', all);
      await store.putIfAbsent('none', new Uint8Array());
      expect([...((await store.get('all')) ?? [])]).toEqual([...all]);
      expect((await store.get('none'))?.length).toBe(0);
    });

    it('does not share memory with its callers', async () => {
      const store = await open();
      const value = Uint8Array.from([1]);
      await store.putIfAbsent('a', value);
      value[0] = 2;
      expect((await store.get('a'))?.[0]).toBe(1);
    });

    it('has exactly one winner of 32 racing writers, and readers see only that one', async () => {
      const store = await open();
      const answers = await Promise.all(Array.from({ length: 32 }, (_, index) => store.putIfAbsent('race/key', bytes(String(index)))));
      expect(answers.filter((answer) => answer)).toHaveLength(1);
      expect(textOf(await store.get('race/key'))).toBe(String(answers.indexOf(true)));
      expect(await store.list('race/')).toEqual(['race/key']);
    });

    it(`has one winner in each of ${ROUNDS} rounds of ${CONTENDERS} contenders for the next claim, each with a connection of its own`, async () => {
      const { store, again } = await openSubject();
      const contenders = await Promise.all(Array.from({ length: CONTENDERS }, again));
      for (let round = 1; round <= ROUNDS; round += 1) {
        const key = `clusters/east/claims/00000${round}`;
        // Equal bytes: who wins must not hang on what is written.
        const answers = await Promise.all(contenders.map((contender) => contender.putIfAbsent(key, bytes('me'))));
        expect(answers.filter((answer) => answer)).toHaveLength(1);
        expect(textOf(await store.get(key))).toBe('me');
      }
      expect(await store.list('clusters/east/claims/')).toHaveLength(ROUNDS);
    });

    it(`gives a segment to one of ${CONTENDERS} contenders`, async () => {
      const { store, again } = await openSubject();
      const contenders = await Promise.all(Array.from({ length: CONTENDERS }, again));
      const opened = await Promise.all(contenders.map((contender, index) => contender.openLog(RUN, String(index), 0)));
      const winner = opened.findIndex((log) => log !== undefined);
      expect(opened.filter((log) => log !== undefined)).toHaveLength(1);
      await opened[winner]?.append(['won']);
      expect(await store.readLog(RUN)).toEqual([{ owner: String(winner), text: 'won\n' }]);
      await opened[winner]?.[Symbol.asyncDispose]();
    });

    it('takes a log from an owner that is writing, and has every line that was acknowledged to it', async () => {
      const { store, again, pause } = await openSubject();
      const [old, next] = [await openFree(store, 'old', 0), await again()];
      const state = { acknowledged: 0 };
      const writing = (async () => {
        for (let line = 1; ; line += 1) {
          await old.append([String(line)]);
          state.acknowledged = line;
          await pause();
        }
      })();
      const fenced = expect(writing).rejects.toMatchObject({ code: 'RUN_REPLACED' });
      while (state.acknowledged < 3) await pause();
      const successor = await next.openLog(RUN, 'new', 1);
      await fenced;
      await successor?.append(['mine']);
      const [first, second] = await next.readLog(RUN);
      const lines = (first?.text ?? '').split('\n').slice(0, -1).map(Number);
      expect(lines.length).toBeGreaterThanOrEqual(state.acknowledged);
      expect(lines).toEqual(Array.from({ length: lines.length }, (_, index) => index + 1));
      expect(second).toEqual({ owner: 'new', text: 'mine\n' });
      for (const log of [old, successor]) await log?.[Symbol.asyncDispose]();
    });

    it('lists keys under a prefix, sorted, folders deep, without logs and evidence', async () => {
      const store = await open();
      for (const key of ['runs/b/run.json', 'runs/a/run.json', 'runs/a[1]/x', 'other/1']) await store.putIfAbsent(key, bytes('x'));
      const log = await openFree(store, 'me', 0);
      await log.append(['line']);
      await store.putEvidence('a', 'step.jsonl', chunks('{}'));
      const listed = await store.list('runs/');
      expect(listed.filter((key) => !key.startsWith(`runs/${RUN}/`))).toEqual(['runs/a/run.json', 'runs/a[1]/x', 'runs/b/run.json']);
      expect(await store.list('runs/a/')).toEqual(['runs/a/run.json']);
      expect(await store.list('ru')).toEqual(listed);
      await log[Symbol.asyncDispose]();
    });

    it('appends lines in the order of the calls, each call whole', async () => {
      const store = await open();
      const log = await openFree(store, 'me', 0);
      await Promise.all(Array.from({ length: 200 }, (_, index) => log.append([`${index}a`, `${index}b`])));
      await log[Symbol.asyncDispose]();
      const expected = Array.from({ length: 200 }, (_, index) => `${index}a\n${index}b\n`).join('');
      expect(await store.readLog(RUN)).toEqual([{ owner: 'me', text: expected }]);
    });

    it('has read back what an append has resolved', async () => {
      const store = await open();
      const log = await openFree(store, 'me', 0);
      await log.append(['grüße']);
      expect(await store.readLog(RUN)).toEqual([{ owner: 'me', text: 'grüße\n' }]);
      await log[Symbol.asyncDispose]();
    });

    it('gives a segment to one owner only, and only after the one that was read', async () => {
      const store = await open();
      const opened = await Promise.all(['a', 'b', 'c'].map((owner) => store.openLog(RUN, owner, 0)));
      expect(opened.filter((log) => log !== undefined)).toHaveLength(1);
      expect(await store.openLog(RUN, 'd', 0)).toBeUndefined();
      const next = await openFree(store, 'd', 1);
      expect((await store.readLog(RUN)).map((segment) => segment.owner)).toEqual([expect.stringMatching(/^[abc]$/), 'd']);
      for (const log of [...opened, next]) await log?.[Symbol.asyncDispose]();
    });

    it('fences an owner as soon as a later one has opened its segment, for good', async () => {
      const store = await open();
      const old = await openFree(store, 'old', 0);
      await old.append(['in time']);
      const successor = await openFree(store, 'new', 1);
      await expect(old.append(['too late'])).rejects.toMatchObject({ code: 'RUN_REPLACED', kind: 'locked' });
      await expect(old.append(['again'])).rejects.toMatchObject({ code: 'RUN_REPLACED' });
      await successor.append(['mine']);
      const [first, second] = await store.readLog(RUN);
      expect(first?.text.startsWith('in time\n')).toBe(true);
      expect(second).toEqual({ owner: 'new', text: 'mine\n' });
      await old[Symbol.asyncDispose]();
      await successor[Symbol.asyncDispose]();
    });

    it('tells the last line of a log by itself, and only a whole one of the last owner', async () => {
      const store = await open();
      expect(await store.readLogEnd(RUN)).toBeUndefined();
      const first = await openFree(store, 'first', 0);
      expect(await store.readLogEnd(RUN)).toBeUndefined();
      await first.append(['one', 'grüße']);
      expect(await store.readLogEnd(RUN)).toBe('grüße');
      const long = 'x'.repeat(100_000);
      await first.append([long]);
      expect([long, undefined]).toContain(await store.readLogEnd(RUN));
      await first.append(['short again']);
      expect(await store.readLogEnd(RUN)).toBe('short again');
      const second = await openFree(store, 'second', 1);
      expect(await store.readLogEnd(RUN)).toBeUndefined();
      await second.append(['mine']);
      expect(await store.readLogEnd(RUN)).toBe('mine');
      for (const log of [first, second]) await log[Symbol.asyncDispose]();
    });

    it('lists the runs of which anything is stored', async () => {
      const store = await open();
      expect(await store.listRuns()).toEqual([]);
      await store.putIfAbsent('runs/west-1/run.json', bytes('x'));
      await store.putIfAbsent('runs/east-1/files/step/x', bytes('x'));
      await store.putIfAbsent('clusters/east/claims/000001', bytes('x'));
      const log = await openFree(store, 'me', 0);
      expect(await store.listRuns()).toEqual(['east-1', RUN, 'west-1'].sort());
      await log[Symbol.asyncDispose]();
    });

    it('keeps runs apart', async () => {
      const store = await open();
      const mine = await openFree(store, 'me', 0);
      const other = await store.openLog('west-20260301T030000Z-0001', 'other', 0);
      await other?.append(['west']);
      await mine.append(['east']);
      expect(await store.readLog(RUN)).toEqual([{ owner: 'me', text: 'east\n' }]);
      await mine[Symbol.asyncDispose]();
      await other?.[Symbol.asyncDispose]();
    });

    it('takes evidence in chunks and replaces it whole', async () => {
      const store = await open();
      await store.putEvidence(RUN, 'apply.jsonl', chunks('{"a":1}\n', '{"b":2}\n'));
      await store.putEvidence(RUN, 'apply.jsonl', chunks('{"c":3}\n'));
      expect(await store.list(`runs/${RUN}/`)).toEqual([]);
    });
  });
}
