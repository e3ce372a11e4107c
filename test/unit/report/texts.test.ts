import { describe, expect, it } from 'vitest';
import type { RunResult, StepResult } from '../../../src/engine/run-options.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { ClusterName } from '../../../src/model/ids.ts';
import { changeLines } from '../../../src/report/change-lines.ts';
import { closingLines } from '../../../src/report/closing-lines.ts';
import { crashText, errorJson, errorText } from '../../../src/report/error-text.ts';
import { rtoLine, rtoTable } from '../../../src/report/rto-table.ts';
import { markdownTable, textTable } from '../../../src/report/text-table.ts';
import { id, RUN } from './events.ts';

describe('changeLines', () => {
  it('writes verb, subject, note and every differing field', () => {
    const lines = changeLines([
      { verb: 'create', subject: 'a' },
      {
        verb: 'configure',
        subject: 'b',
        diffs: [
          { path: 'x', from: 1, to: 2 },
          { path: 'y', to: 'new' },
          { path: 'z', from: [1] },
        ],
      },
      { verb: 'delete', subject: 'c', note: 'for good' },
    ]);
    expect(lines).toEqual(['+ create a', '~ configure b', '    x: 1 -> 2', '    y: new', '    z: [1] removed', '- delete c (for good)']);
  });

  it('counts fields past the twelfth and cuts long values', () => {
    const diffs = Array.from({ length: 15 }, (_, index) => ({ path: `f${index}`, to: 'v'.repeat(80) }));
    const lines = changeLines([{ verb: 'configure', subject: 'b', diffs }]);
    expect(lines).toHaveLength(14);
    expect(lines[1]).toBe(`    f0: ${'v'.repeat(60)}...`);
    expect(lines.at(-1)).toBe('    and 3 more fields');
  });
});

describe('errors', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const error = new DrError({ code: 'KUBE_UNAVAILABLE', message: "the server 'x' does not answer", cause, suggestions: ['look at it'] });

  it('are written with code, cause and what to do', () => {
    expect(errorText(error)).toBe("error KUBE_UNAVAILABLE: the server 'x' does not answer\n  because: connect ECONNREFUSED\n  try: look at it\n");
  });

  it('do not say a cause that the message has', () => {
    const outer = new DrError({ code: 'STEP_FAILED', message: 'failed: connect ECONNREFUSED', cause });
    expect(errorText(outer)).toBe('error STEP_FAILED: failed: connect ECONNREFUSED\n');
  });

  it('are data with kind and causes under --json', () => {
    expect(errorJson(error)).toMatchObject({
      code: 'KUBE_UNAVAILABLE',
      kind: 'unavailable',
      causes: [{ name: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' }],
    });
  });

  it('end although a cause is its own cause', () => {
    const circular = new Error('a');
    circular.cause = circular;
    expect(errorJson(new DrError({ code: 'BUG', message: 'b', cause: circular }))).toMatchObject({ causes: [{ message: 'a' }] });
  });

  it('leave stacks of error and cause in the crash file', () => {
    expect(crashText(error)).toMatch(/texts\.test\.ts[\s\S]*caused by: Error: connect ECONNREFUSED/);
  });
});

describe('closingLines', () => {
  const commands = { resume: 'lattice-dr resume R', report: 'lattice-dr report R', release: 'lattice-dr release R', status: 'lattice-dr status R2' };
  const step: StepResult = { id: id('data'), summary: '', phase: 'data', state: 'failed', reason: 'no volumes', found: false, attested: false, elapsedMs: 1 };
  const base: RunResult = {
    run: RUN,
    cluster: 'east' as ClusterName,
    state: 'succeeded',
    steps: [{ ...step, state: 'succeeded' }],
    holds: [],
    location: '/state',
    resumed: false,
    elapsedMs: 1,
  };
  const hold = { id: 'dns-provider/a', kind: 'dns-provider' as const, subject: 'a', prior: {}, releaseWhen: 'verified' };

  it('are three for every end', () => {
    const error = new DrError({ code: 'STEP_FAILED', message: 'no volumes\nat all' });
    expect(closingLines({ ...base, state: 'failed', error, steps: [step], holds: [hold] }, commands)).toEqual([
      "failed at step 'data': STEP_FAILED: no volumes at all",
      `state: run ${RUN} in /state; 1 hold: dns-provider/a`,
      'resume: lattice-dr resume R',
    ]);
  });

  it('name the step that waits, and how to go on', () => {
    const [first, , last] = closingLines({ ...base, state: 'waiting', steps: [{ ...step, state: 'waiting', reason: 'traffic moves' }] }, commands);
    expect(first).toBe("waits for a person at step 'data': traffic moves");
    expect(last).toBe('resume: lattice-dr resume R');
  });

  it('lead away from a run that another one has taken over', () => {
    const error = new DrError({ code: 'RUN_REPLACED', message: 'taken over' });
    expect(closingLines({ ...base, state: 'failed', error }, commands)[2]).toBe('status: lattice-dr status R2');
  });

  it('lead to the release while something is held, else to the report', () => {
    expect(closingLines(base, commands)[2]).toBe('report: lattice-dr report R');
    expect(closingLines({ ...base, holds: [hold] }, commands)[2]).toBe('release: lattice-dr release R');
  });
});

describe('recovery time', () => {
  it('is met, missed or not proven', () => {
    expect(rtoLine({ elapsedMs: 60_000, objectiveMs: 120_000, met: true, waitedMs: 0 })).toBe('recovery time: 1 min 0 s; objective 2 min 0 s: met');
    expect(rtoLine({ elapsedMs: 60_000, objectiveMs: 1_000, met: false, waitedMs: 30_000 })).toBe(
      'recovery time: 1 min 0 s, of which 30.0 s waiting for a person; objective 1.0 s: MISSED',
    );
    expect(rtoLine({ objectiveMs: 1_000, waitedMs: 0 })).toBe('recovery time: health is not proven; objective 1.0 s');
    expect(rtoLine({ elapsedMs: 5, waitedMs: 0 })).toBe('recovery time: 5 ms; no objective');
  });

  it('is a table of phases', () => {
    const text = rtoTable({
      phases: [
        { phase: 'data', state: 'succeeded', steps: 2, startMs: 1_000, elapsedMs: 2_000 },
        { phase: 'dns', state: 'blocked', steps: 1 },
      ],
      rto: { waitedMs: 0 },
    });
    expect(text.split('\n').slice(0, 3)).toEqual([
      'PHASE  STATE      STEPS  AFTER   TOOK',
      'data   succeeded      2  1.0 s  2.0 s',
      'dns    blocked        1      -      -',
    ]);
  });
});

describe('tables', () => {
  it('measure cells without their colours', () => {
    expect(
      textTable([
        ['\u001b[31ma\u001b[39m', 'b'],
        ['long', 'c'],
      ]),
    ).toBe('\u001b[31ma\u001b[39m     b\nlong  c\n');
    expect(textTable([])).toBe('');
  });

  it('escape what would end a Markdown cell', () => {
    expect(markdownTable([['a'], ['x|y\nz']])).toBe('| a |\n| --- |\n| x\\|y z |\n');
  });
});
