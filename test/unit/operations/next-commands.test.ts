import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import { listAllRuns } from '../../../src/operations/list-runs.ts';
import { rebuild } from '../../../src/operations/rebuild.ts';
import { runStatus } from '../../../src/operations/run-status.ts';
import { runListView, runStatusView } from '../../../src/report/status-view.ts';
import { Bench, planFile } from './harness.ts';

const HOLD = '{ id: backup-location/a, kind: backup-location, subject: a is ReadOnly, prior: {}, releaseWhen: verified }';
const PLAIN = '    - { id: provision, uses: test/make, with: { name: east, ms: 60000 } }\n';
const GATED = `${PLAIN}    - { id: cutover, uses: test/make, needs: [provision], with: { name: names }, gate: { approve: 1, reason: traffic moves } }
    - { id: tell, uses: test/make, needs: [provision], with: { name: told }, gate: { attest: say who was told, reason: people must know } }
`;
const HOLDING = `${PLAIN}    - { id: aside, uses: test/hold, needs: [provision], with: { holds: [${HOLD}] } }\n`;
const FOUR_EYES = `${PLAIN}    - { id: cutover, uses: test/make, needs: [provision], with: { name: names }, gate: { approve: 2, reason: traffic moves } }\n`;

async function run(bench: Bench, steps: string, extra = '') {
  bench.made.clear();
  const result = await bench.until(rebuild(bench.request(steps, planFile(extra)), bench.environment()));
  await bench.clock.advance(1_000);
  return result.run;
}

describe('what to type next', () => {
  it('is the report of a run that is over', async () => {
    const bench = new Bench();
    const id = await run(bench, PLAIN);
    const { next, state } = await runStatus(id, bench.environment());
    expect([state, next]).toEqual(['succeeded', [{ why: 'what happened', command: `lattice-dr report ${id}` }]]);
  });

  it('is a resume with every decision that a run has stopped for', async () => {
    const bench = new Bench();
    const id = await run(bench, GATED);
    expect((await runStatus(id, bench.environment())).next).toEqual([
      {
        why: 'cutover waits: traffic moves; tell waits: people must know',
        command: `lattice-dr resume ${id} --approve 'cutover' --attest 'tell=<your statement>'`,
      },
    ]);
  });

  it('is a resume that waits for others where one person cannot decide', async () => {
    const bench = new Bench();
    const id = await run(bench, FOUR_EYES, '  approvers: [ann, ben]\n');
    expect((await runStatus(id, bench.environment())).next[0]?.command).toBe(`lattice-dr resume ${id} --wait-for-answers 1h`);
  });

  it('is a plain resume after a failure', async () => {
    const bench = new Bench();
    bench.faults.set('east', new DrError({ code: 'PROVISION_FAILED', message: 'no machine' }));
    const id = await run(bench, PLAIN);
    expect((await runStatus(id, bench.environment())).next).toEqual([{ why: 'PROVISION_FAILED', command: `lattice-dr resume ${id}` }]);
  });

  it('is a release while something is held', async () => {
    const bench = new Bench();
    const id = await run(bench, HOLDING);
    expect((await runStatus(id, bench.environment())).next).toEqual([{ why: '1 hold is open', command: `lattice-dr release ${id}` }]);
  });

  it('is the approval of what a running process asks, and watching it', async () => {
    const bench = new Bench();
    const stopping = new AbortController();
    const going = rebuild(bench.request(GATED), bench.environment({ waitForAnswersMs: 3_600_000, signal: stopping.signal }));
    await bench.clock.advance(61_000);
    const { runs } = await listAllRuns(bench.store, bench.environment({ isAlive: async () => true }));
    const id = runs[0]?.id ?? '';
    expect(runs[0]).toMatchObject({ standing: 'running', active: true });
    expect(runs[0]?.next.map(({ command }) => command)).toEqual([
      `lattice-dr approve ${id} 'cutover'`,
      `lattice-dr approve ${id} 'tell' --attest '<your statement>'`,
      `lattice-dr attach ${id}`,
    ]);
    stopping.abort();
    await bench.until(going);
  });

  it('tells a process here that is gone from one elsewhere that is silent', async () => {
    const bench = new Bench();
    bench.store.crashAt({ append: 3, side: 'before' });
    await run(bench, PLAIN).catch(() => undefined);
    bench.store.revive();
    const here = (await listAllRuns(bench.store, bench.environment())).runs[0];
    expect(here).toMatchObject({ standing: 'interrupted', next: [{ command: `lattice-dr resume ${here?.id}` }] });
    const elsewhere = bench.environment({ owner: { host: 'there', boot: 'b', pid: 1, startTime: '1', user: 'ann' } });
    expect((await listAllRuns(bench.store, elsewhere)).runs[0]?.standing).toBe('running');
    await bench.clock.advance(46_000);
    expect((await listAllRuns(bench.store, elsewhere)).runs[0]).toMatchObject({
      standing: 'silent',
      next: [{ command: `lattice-dr resume ${here?.id} --owner-gone '<how you know>'` }],
    });
  });
});

describe('the list of runs', () => {
  it('has those first that need somebody, and counts a failed run that was followed as over', async () => {
    const bench = new Bench();
    bench.faults.set('east', new DrError({ code: 'PROVISION_FAILED', message: 'no machine' }));
    const failed = await run(bench, PLAIN);
    bench.faults.clear();
    const holding = await run(bench, HOLDING);
    const done = await run(bench, PLAIN);
    const list = await listAllRuns(bench.store, bench.environment());
    expect(list.runs.map(({ id, active }) => [id, active])).toEqual([
      [failed, false],
      [holding, true],
      [done, false],
    ]);
    expect(list.runs[1]?.next).toEqual([{ why: `followed by ${done}, so what it holds is put back by hand`, command: `lattice-dr holds ${holding}` }]);
    const lines = runListView(list).split('\n');
    expect(lines[0]).toBe(`${holding}: succeeded, 1 hold open`);
    expect(lines[3]).toBe(`    lattice-dr holds ${holding}`);
    expect(lines.findIndex((line) => line.startsWith(done))).toBeGreaterThan(lines.findIndex((line) => line.startsWith('ENDED')));
  });

  it('says so when nothing is active, and where it has looked', async () => {
    const bench = new Bench();
    expect(runListView(await listAllRuns(bench.store, bench.environment()))).toBe('no runs in memory\n');
    await run(bench, PLAIN);
    expect(runListView(await listAllRuns(bench.store, bench.environment()))).toMatch(/^no run is active\n\nENDED /);
  });

  it('has for one run what to type last', async () => {
    const bench = new Bench();
    const id = await run(bench, GATED);
    expect(
      runStatusView(await runStatus(id, bench.environment()))
        .trimEnd()
        .split('\n')
        .at(-1),
    ).toBe(`    lattice-dr resume ${id} --approve 'cutover' --attest 'tell=<your statement>'`);
  });
});
