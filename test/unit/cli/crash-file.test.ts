import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandContext } from '../../../src/cli/command-context.ts';
import { failureText, keepCrashOf } from '../../../src/cli/crash-file.ts';
import { recordError, restoreError } from '../../../src/engine/recorded-error.ts';
import type { StepResult } from '../../../src/engine/run-options.ts';
import { asDrError, DrError } from '../../../src/errors/dr-error.ts';
import type { StepId } from '../../../src/model/ids.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lattice-dr-crash-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

const context = (): CommandContext => ({ words: ['resume'], userAgent: 'lattice-dr/0.1.0', env: { XDG_STATE_HOME: folder } }) as unknown as CommandContext;
const failed = (error: DrError): StepResult => ({
  id: 'data' as StepId,
  summary: '',
  phase: 'data',
  state: 'failed',
  found: false,
  attested: false,
  elapsedMs: 1,
  error,
});
const files = async (): Promise<readonly string[]> => (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.txt'));

describe('the crash file of a run', () => {
  const other = new DrError({ code: 'GIT_FAILED', message: 'no such ref' });

  it('is named under the error of the run, when that is what nobody expected', async () => {
    const bug = asDrError(new TypeError('x is not a function'));
    const crash = await keepCrashOf({ error: bug, steps: [failed(bug)] }, context());
    expect(failureText(bug, crash)).toBe(`\nerror BUG: ${bug.message}\n  try: report this with the crash file\n  crash file: ${crash?.file}\n`);
    expect(await readFile(crash?.file ?? '', 'utf8')).toMatch(/command: resume[\s\S]*TypeError: x is not a function/);
  });

  it('of a step is named under the error of that step, and not under the one that the run ended by', async () => {
    const bug = asDrError(new TypeError('y is not a function'));
    const crash = await keepCrashOf({ error: other, steps: [failed(other), failed(bug)] }, context());
    expect(failureText(other, crash)).toMatch(/^\nerror GIT_FAILED: no such ref\n\nerror BUG: .*y is not a function\n.*\n {2}crash file: .*\n$/);
    expect(await files()).toHaveLength(1);
  });

  it('of a run that succeeded all the same is named too', async () => {
    const bug = asDrError(new TypeError('z is not a function'));
    expect(failureText(undefined, await keepCrashOf({ steps: [failed(bug)] }, context()))).toContain('crash file: ');
  });

  it('is not written for what a journal tells of an earlier process', async () => {
    const old = restoreError(recordError(asDrError(new TypeError('long ago'))));
    const crash = await keepCrashOf({ error: old, steps: [failed(old)] }, context());
    expect(crash).toBeUndefined();
    expect(await files()).toEqual([]);
    expect(failureText(old, crash)).not.toContain('crash file:');
    expect(failureText(undefined, crash)).toBe('');
  });
});
