import { describe, expect, it } from 'vitest';
import { S3RunStore } from '../../../src/adapters/s3/s3-run-store.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import { listAllRuns } from '../../../src/operations/list-runs.ts';
import { rebuild } from '../../../src/operations/rebuild.ts';
import { runStatus } from '../../../src/operations/run-status.ts';
import type { RunStore } from '../../../src/ports/run-store.ts';
import { MemoryRunBucket } from '../../fakes/memory-run-bucket.ts';
import { Bench } from './harness.ts';

const HOLD = '{ id: backup-location/a, kind: backup-location, subject: a is ReadOnly, prior: {}, releaseWhen: verified }';
const HOLDING = `    - { id: aside, uses: test/hold, with: { holds: [${HOLD}] } }\n`;

function steps(count: number): string {
  const step = (index: number): string =>
    `    - { id: s${index}, uses: test/make, with: { name: n${index} }${index === 0 ? '' : `, needs: [s${index - 1}]`} }\n`;
  return Array.from({ length: count }, (_, index) => step(index)).join('');
}

async function run(bench: Bench, store: RunStore, runbook: string): Promise<string> {
  bench.made.clear();
  const { run: id } = await bench.until(rebuild(bench.request(runbook), bench.environment({ store })));
  await bench.clock.advance(1_000);
  return id;
}

describe('the list of runs in a store elsewhere', () => {
  it('costs four requests for each run that is over, however long it was, and reads whole only what somebody is needed for', async () => {
    const bench = new Bench();
    const bucket = new MemoryRunBucket();
    const store = new S3RunStore(bucket, bench.clock);
    const holding = await run(bench, store, HOLDING);
    for (const count of [1, 12, 1, 12]) await run(bench, store, steps(count));
    bench.faults.set('n2', new DrError({ code: 'PROVISION_FAILED', message: 'no machine' }));
    const failed = await run(bench, store, steps(12));
    bucket.seen.length = 0;
    const { runs } = await listAllRuns(new S3RunStore(bucket, bench.clock), bench.environment());
    expect(runs.map(({ id, standing, active }) => (active ? [id, standing] : standing))).toEqual([
      [holding, 'succeeded'],
      ...Array.from({ length: 4 }, () => 'succeeded'),
      [failed, 'failed'],
    ]);
    const about = (id: string): readonly string[] => bucket.seen.filter((request) => request.includes(id));
    for (const { id, active } of runs) {
      if (active) expect(about(id).length, id).toBeGreaterThan(8);
      else expect(about(id)).toHaveLength(4);
    }
    const others = bucket.seen.filter((request) => !runs.some(({ id }) => request.includes(id)));
    expect(others).toEqual(['list runs/', 'list clusters/east/claims/', 'get clusters/east/claims/000006']);
  });

  it('says of each what its whole journal says', async () => {
    const bench = new Bench();
    for (const runbook of [steps(2), HOLDING, steps(1)]) await run(bench, bench.store, runbook);
    bench.store.crashAt({ append: 4, side: 'before' });
    await run(bench, bench.store, steps(3)).catch(() => undefined);
    bench.store.revive();
    // It supersedes the one that was killed.
    await run(bench, bench.store, steps(1));
    const { runs } = await listAllRuns(bench.store, bench.environment());
    expect(runs.map(({ standing }) => standing)).toEqual(['succeeded', 'succeeded', 'succeeded', 'superseded', 'succeeded']);
    for (const listed of runs) {
      const { state, next, holds, lastAt, runbook, startedAt } = await runStatus(listed.id, bench.environment());
      expect(listed).toMatchObject({ standing: state, next, openHolds: holds.length, lastAt, runbook, startedAt });
    }
  });

  it('reads whole what an earlier version wrote, whose last line does not say what was held', async () => {
    const bench = new Bench();
    const id = await run(bench, bench.store, HOLDING);
    await run(bench, bench.store, steps(1));
    // No line after the last one vouches for it.
    bench.store.corrupt(id, 1, (text) => text.replace(',"held":1}', '}'));
    const { runs } = await listAllRuns(bench.store, bench.environment());
    expect(runs[0]).toMatchObject({ id, openHolds: 1, active: true });
  });
});
