import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compareTestimonies } from '../../../src/lab/demo/compare.ts';
import { judgeStarts, startsIn, stepStartedAt } from '../../../src/lab/demo/start-order.ts';
import type { Testimony } from '../../../src/lab/demo/witness.ts';
import { findProcess } from '../../../src/lab/supervise/proc.ts';

const testimony = (databases: Testimony['databases'], processes: Testimony['processes'] = []): Testimony => ({
  instance: 'small-0001',
  etcdClusterId: '1',
  kubeSystemUid: '1',
  processes,
  answers: {},
  databases,
});

describe('compareTestimonies', () => {
  const before = testimony({ 'shop/orders-db': { checksums: ['a', 'b'], isManual: false }, 'shop/stock-db': { checksums: ['c'], isManual: true } });
  const broken = (databases: Testimony['databases']): readonly string[] =>
    compareTestimonies(before, testimony(databases))
      .filter(({ claim, holds }) => claim.includes('record') && !holds)
      .map(({ claim, detail }) => `${claim}: ${detail}`);

  it('takes an old process for dead when another one has its number', () => {
    const dead = (startTime: string): boolean | undefined =>
      compareTestimonies(testimony({}, [{ pid: process.pid, startTime }]), testimony({})).find(({ claim }) => claim === 'the old processes are dead')?.holds;
    expect(dead(findProcess(process.pid)?.startTime ?? '')).toBe(false);
    expect(dead('1')).toBe(true);
  });

  it('takes every record of every database, in order; later ones may have come', () => {
    expect(broken({ ...before.databases, 'shop/orders-db': { checksums: ['a', 'b', 'new'], isManual: false } })).toEqual([]);
  });

  it('sees one that is missing, another, or refused, and a database that is gone', () => {
    expect(broken({ 'shop/orders-db': { checksums: ['a', 'x'], isManual: false } })).toEqual([
      'shop/orders-db has every record, checksum by checksum: 1 of 2 records',
      'shop/stock-db has every record, checksum by checksum, its log replayed: 0 of 1 records',
    ]);
    expect(broken({ ...before.databases, 'shop/stock-db': { checksums: ['it does not serve: behind'], isManual: true } })).toHaveLength(1);
  });
});

describe('the order of starts', () => {
  const log = [
    '2026-11-29T10:00:00.000Z node of small-0002 runs',
    '2026-11-29T10:00:01.000Z start velero/velero-x/velero as programs of velero/velero:v1',
    '2026-11-29T10:00:02.000Z start shop/lattice-dr-carrier-1/restore-wait as programs of velero/velero:v1',
    '2026-11-29T10:00:03.000Z start shop/recovery/recover as task of registry.lab.test/shop/orders-db:1',
    '2026-11-29T10:00:05.000Z start shop/orders-db-x/main as app of registry.lab.test/shop/orders-db:1',
    '2026-11-29T10:00:06.000Z start other/early/main as app of x',
  ].join('\n');

  it('holds when applications came after their specs, whatever else ran before', () => {
    expect(judgeStarts(startsIn(log), ['shop'], '2026-11-29T10:00:04.000Z')).toMatchObject({ holds: true, detail: expect.stringContaining('1 applications') });
  });

  it('does not hold for an application before the specs, without specs, or without any application', () => {
    expect(judgeStarts(startsIn(log), ['shop'], '2026-11-29T10:00:05.500Z')).toMatchObject({ holds: false, detail: expect.stringContaining('orders-db-x') });
    expect(judgeStarts(startsIn(log), ['shop'], undefined).holds).toBe(false);
    expect(judgeStarts(startsIn(log), ['front'], '2026-11-29T10:00:04.000Z').holds).toBe(false);
  });

  it('finds when a step of the last run was started first', async () => {
    const store = await mkdtemp(join(tmpdir(), 'lab-demo-'));
    onTestFinished(() => rm(store, { recursive: true, force: true }));
    const line = (type: string, step: string, second: number): string => JSON.stringify({ type, step, at: `2026-11-29T10:00:0${second}.000Z` });
    for (const [run, lines] of Object.entries({
      'small-1': [line('step-started', 'specs', 1)],
      'small-2': [line('step-started', 'volumes', 2), line('step-started', 'specs', 3), line('step-started', 'specs', 4)],
    })) {
      await mkdir(join(store, 'runs', run, 'journal'), { recursive: true });
      await writeFile(join(store, 'runs', run, 'journal', '00000001.lines'), `${lines.join('\n')}\n`);
    }
    expect(await stepStartedAt(store, 'specs')).toBe('2026-11-29T10:00:03.000Z');
    expect(await stepStartedAt(store, 'cutover')).toBeUndefined();
  });
});
