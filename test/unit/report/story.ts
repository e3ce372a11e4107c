import { DrError } from '../../../src/errors/dr-error.ts';
import type { RunId } from '../../../src/model/ids.ts';
import { rebuild } from '../../../src/operations/rebuild.ts';
import { resume } from '../../../src/operations/resume.ts';
import { Bench, planFile, runbookFile } from '../operations/harness.ts';

const STEPS = `    - { id: fence, uses: test/make, phase: fence, with: { name: fence, ms: 4000 }, gate: { attest: say that it is off, reason: an old cluster that writes does harm } }
    - { id: provision, uses: test/make, needs: [fence], phase: cluster, with: { name: east, ms: 600000 } }
    - { id: secrets, uses: test/make, needs: [provision], phase: data, with: { name: secrets, ms: 30000 } }
    - { id: aside, uses: test/hold, needs: [provision], phase: data, with: { holds: [{ id: backup-location/a, kind: backup-location, subject: "a </script><img src=x onerror=alert(1)> is ReadOnly", prior: {}, releaseWhen: verified }] } }
    - { id: data, uses: test/make, needs: [secrets], phase: data, with: { name: volumes, ms: 240000 } }
    - { id: drill-only, uses: test/make, needs: [data], phase: data, runIn: [drill], with: { name: never } }
    - { id: health, uses: test/make, needs: [drill-only, aside], phase: health, with: { name: health, ms: 20000 } }
    - { id: cutover, uses: test/make, needs: [health], phase: dns, with: { name: "</script><img src=x onerror=alert(1)>", ms: 900 }, gate: { approve: 1, reason: traffic moves } }
`;

/** A run in memory with everything that a report shows: a statement, a failure, a resume hours later by another person, a wait, a hold, a hostile name. */
export async function playStory(bench = new Bench()): Promise<{ readonly bench: Bench; readonly run: RunId }> {
  const plan = planFile();
  const book = runbookFile(STEPS);
  const readFile = async (path: string) => [plan, book].find(({ file }) => file === path);
  const attest = { fence: 'I have seen its machines powered off' };
  bench.faults.set('volumes', new DrError({ code: 'BACKUP_NOT_USABLE', message: 'no <b>good</b> backup', suggestions: ['look at the backups'] }));
  const { run } = await bench.until(rebuild(bench.request(STEPS, plan), bench.environment({ decisions: { approve: [], attest } })));
  await bench.clock.advance(7 * 3_600_000);
  bench.faults.clear();
  const owner = { host: 'there', boot: 'boot', pid: 2, startTime: '2', user: 'ann' };
  await bench.until(resume({ run, readFile }, bench.environment({ owner })));
  await bench.clock.advance(90_000);
  await bench.until(resume({ run, readFile }, bench.environment({ owner, decisions: { approve: ['cutover'], attest: {} } })));
  return { bench, run };
}
