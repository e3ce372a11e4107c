import { beforeAll, describe, expect, it } from 'vitest';
import { releaseHolds } from '../../../src/engine/release-holds.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import { rebuild } from '../../../src/operations/rebuild.ts';
import { resume } from '../../../src/operations/resume.ts';
import { type RunReport, reportRun } from '../../../src/operations/run-report.ts';
import { criticalPathLine } from '../../../src/report/critical-path-line.ts';
import { runReportMarkdown } from '../../../src/report/run-report-markdown.ts';
import { playStory } from '../report/story.ts';
import { Bench, planFile, runbookFile } from './harness.ts';

describe('the evidence of a run', () => {
  let report: RunReport;

  beforeAll(async () => {
    const { bench, run } = await playStory();
    report = await reportRun(bench.store, run);
  });

  it('has every decision with who, how, what was shown and what it was bound to', () => {
    expect(report.decisions).toMatchObject([
      {
        step: 'fence',
        decision: 'attested',
        by: 'ops',
        how: 'flag',
        text: 'I have seen its machines powered off',
        asked: { reason: 'an old cluster that writes does harm' },
      },
      { step: 'cutover', decision: 'approved', by: 'ann', how: 'flag', asked: { changes: [{ verb: 'create' }], omitted: 0 } },
    ]);
    for (const { asked } of report.decisions) expect(asked?.shown).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('has every owner with its first and last line', () => {
    expect(report.owners.map(({ user, host, at, until }) => [user, host, at, until])).toEqual([
      ['ops', 'here', '2026-03-01T03:00:00.000Z', '2026-03-01T03:14:34.000Z'],
      ['ann', 'there', '2026-03-01T10:14:34.000Z', '2026-03-01T10:18:54.000Z'],
      ['ann', 'there', '2026-03-01T10:20:24.000Z', '2026-03-01T10:20:24.900Z'],
    ]);
  });

  it('has the failure that a later owner overcame', () => {
    const data = report.steps.find(({ id }) => id === 'data');
    expect(data).toMatchObject({ state: 'succeeded', found: false, failures: [{ code: 'BACKUP_NOT_USABLE', message: 'no <b>good</b> backup' }] });
    expect(data?.triedAt).toHaveLength(2);
  });

  it('counts work, waiting and the hours without a process apart, and all of them', () => {
    const whole = Date.parse(report.endedAt ?? '') - Date.parse(report.startedAt);
    const sum = (part: 'elapsedMs' | 'waitedMs' | 'idleMs'): number => report.criticalPath.reduce((total, step) => total + step[part], 0);
    expect([sum('elapsedMs'), sum('waitedMs'), sum('idleMs')]).toEqual([4_000 + 600_000 + 30_000 + 480_000 + 20_000 + 900, 90_000, 7 * 3_600_000]);
    expect(sum('elapsedMs') + sum('waitedMs') + sum('idleMs')).toBe(whole);
  });

  it('begins a step when what it needs has ended, also behind one that was left out', () => {
    const ends = new Map(report.steps.map(({ id, endedAt }) => [id as string, endedAt]));
    expect(report.steps.find(({ id }) => id === 'health')?.startedAt).toBe(ends.get('data'));
  });

  it('names the chain, the short steps of it together', () => {
    expect(criticalPathLine(report.criticalPath)).toBe(
      'fence 4.0 s > provision 10 min 0 s > secrets 30.0 s > data 8 min 0 s > (2 steps 20.9 s); 7 h 20 min in all, of which 1 min 30 s waiting for a person and 7 h 0 min not working',
    );
    expect(runReportMarkdown(report)).toContain('## Critical path\n\nfence 4.0 s > ');
  });

  it('rests on a journal whose facts can be recomputed', () => {
    expect(report.journal).toMatchObject({ segments: 3, fencedLines: 0, cutBytes: 0, stalls: [], changed: [] });
    expect(report.journal.lines).toBeGreaterThan(50);
    expect(report.holds).toMatchObject([{ id: 'backup-location/a', step: 'aside', heldAt: expect.any(String) }]);
  });
});

const HOLD = '{ id: backup-location/a, kind: backup-location, subject: a is ReadOnly, prior: {}, releaseWhen: verified }';
const HOLDING = `    - { id: provision, uses: test/make, with: { name: east, ms: 60000 } }
    - { id: aside, uses: test/hold, needs: [provision], with: { holds: [${HOLD}] } }
`;

describe('the end of a run', () => {
  it('is not moved by a release hours later, which stands among the owners', async () => {
    const bench = new Bench();
    const { run } = await bench.until(rebuild(bench.request(HOLDING), bench.environment()));
    const before = await reportRun(bench.store, run);
    await bench.clock.advance(5 * 3_600_000);
    await releaseHolds({ ...bench.environment(), run, release: async () => undefined });
    const after = await reportRun(bench.store, run);
    expect([after.endedAt, after.rto, after.criticalPath]).toEqual([before.endedAt, before.rto, before.criticalPath]);
    expect(after.resumes).toBe(0);
    expect(after.owners.map(({ purpose }) => purpose)).toEqual(['run', 'release']);
    expect(after.released).toHaveLength(1);
  });

  it('is open again while a resume goes on after a failure', async () => {
    const bench = new Bench();
    const plan = planFile();
    bench.faults.set('east', new DrError({ code: 'PROVISION_FAILED', message: 'no machine' }));
    const { run } = await bench.until(rebuild(bench.request(HOLDING, plan), bench.environment()));
    expect((await reportRun(bench.store, run)).endedAt).toBeDefined();
    bench.faults.clear();
    const files = [plan, runbookFile(HOLDING)];
    const going = resume({ run, readFile: async (path) => files.find(({ file }) => file === path) }, bench.environment());
    await bench.clock.advance(1_000);
    expect((await reportRun(bench.store, run)).endedAt).toBeUndefined();
    await bench.until(going);
    expect((await reportRun(bench.store, run)).endedAt).toBeDefined();
  });
});
