import { describe, expect, it } from 'vitest';
import { clockSetBackMs } from '../../../src/engine/clock-set-back.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { RunId } from '../../../src/model/ids.ts';
import { rebuild } from '../../../src/operations/rebuild.ts';
import { resume } from '../../../src/operations/resume.ts';
import { reportRun } from '../../../src/operations/run-report.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import { rtoLine } from '../../../src/report/rto-table.ts';
import { Bench, planFile, runbookFile } from './harness.ts';

const HOUR = 3_600_000;
const STEPS = `    - { id: provision, uses: test/make, with: { name: east, ms: 60000 } }
    - { id: data, uses: test/make, needs: [provision], with: { name: volumes } }
`;

/** The same clock for waits, and one that somebody has set for dates. */
function setBack({ clock }: Bench, byMs: number): Clock {
  return { now: () => clock.now() - byMs, monotonic: () => clock.monotonic(), sleep: (ms, signal) => clock.sleep(ms, signal) };
}

/** A run that failed, resumed on a machine whose clock is `byMs` behind. */
async function resumedBehind(byMs: number): Promise<{ readonly bench: Bench; readonly run: RunId; readonly state: string }> {
  const bench = new Bench();
  bench.faults.set('volumes', new DrError({ code: 'STEP_FAILED', message: 'no' }));
  const { run } = await bench.until(rebuild(bench.request(STEPS), bench.environment()));
  bench.faults.clear();
  const files = [planFile(), runbookFile(STEPS)];
  const readFile = async (path: string) => files.find(({ file }) => file === path);
  const { state } = await bench.until(resume({ run, readFile }, bench.environment({ clock: setBack(bench, byMs) })));
  return { bench, run, state };
}

describe('a clock that was set back', () => {
  it('stops no run, repeats nothing, and is told', async () => {
    const { bench, state } = await resumedBehind(HOUR);
    expect([state, bench.executed]).toEqual(['succeeded', ['east', 'volumes', 'volumes']]);
    expect(bench.events).toContainEqual(
      expect.objectContaining({
        type: 'journal',
        message: expect.stringMatching(/^the clock of this machine is 1 h 0 min behind the journal's last line \(2026-03-01T03:01:00/),
      }),
    );
  });

  it('leaves no recovery time to be claimed', async () => {
    const { bench, run } = await resumedBehind(HOUR);
    const { rto } = await reportRun(bench.store, run);
    expect(rto).toEqual({ objectiveMs: 600_000, waitedMs: 0, clockSetBackMs: HOUR });
    expect(rtoLine(rto)).toBe('recovery time: cannot be told, because the clock was set back by 1 h 0 min meanwhile; objective 10 min 0 s');
  });

  it('by no more than clocks of two machines differ is nothing to speak of', async () => {
    const { bench, run } = await resumedBehind(5_000);
    expect((await reportRun(bench.store, run)).rto).toMatchObject({ elapsedMs: 55_000, met: true });
    expect(bench.events.some((event) => event.type === 'journal' && event.message.includes('clock'))).toBe(false);
  });

  it.each([
    [[], 0],
    [['03:00:00', '03:10:00', '03:20:00'], 0],
    [['03:00:00', '03:10:00', '03:05:00', '04:00:00'], 300_000],
    [['03:00:10', '03:00:00'], 0],
  ])('is the longest way back from one line to the next: %j is %i ms', (times, expected) => {
    expect(clockSetBackMs(times.map((time) => ({ at: `2026-03-01T${time}.000Z` })))).toBe(expected);
  });
});
