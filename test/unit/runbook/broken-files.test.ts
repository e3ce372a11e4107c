import { globSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../../src/errors/codes.ts';
import { isDrError } from '../../../src/errors/dr-error.ts';
import { type Fault, renderFault } from '../../../src/runbook/faults.ts';
import { loadRecoveryPlan, readRecoveryPlan } from '../../../src/runbook/load-plan.ts';
import { loadRunbook, type RunbookContext, validateRunbook } from '../../../src/runbook/validate.ts';
import type { SourceFile } from '../../../src/runbook/yaml-source.ts';
import { catalogue } from '../../../src/steps/catalogue.ts';
import { fileOf } from './fixtures.ts';
import { expectMarked } from './marked-faults.ts';

const FIXTURES = 'test/fixtures';
const ROOT = join(import.meta.dirname, '..', '..', '..');

/** Files a person might write, one fault class a folder. Each says in comments behind its lines which faults are there: `#! :COLUMN PATH: words`. */
const FILES = globSync(`${FIXTURES}/{plans,runbooks}/broken/*/*.yaml`, { cwd: ROOT }).sort();
const CLASSES = Map.groupBy(FILES, (file) => dirname(file).slice(FIXTURES.length + 1));
/** Secrets that are written into some of them. */
const SECRET = /hunter2[-\w]*|AGE-SECRET-KEY-\w+/g;

interface Checked {
  readonly faults: readonly Fault[];
  /** What the commands call: throws all faults as one error. */
  readonly load: () => unknown;
}

function check(source: SourceFile): Checked {
  if (source.file.includes('/plans/')) return { faults: readRecoveryPlan(source).faults, load: () => loadRecoveryPlan(source) };
  const plan = /^# plan: (\S+)/.exec(source.text)?.[1];
  const context: RunbookContext = plan === undefined ? {} : { plan: loadRecoveryPlan(fileOf(`${FIXTURES}/plans/${plan}`)) };
  return { faults: validateRunbook(source, catalogue, context).faults, load: () => loadRunbook(source, catalogue, context) };
}

describe('broken files', () => {
  it('are at least four for each class of fault', () => {
    expect([...CLASSES.keys()]).toEqual([
      ...['bad-duration', 'bad-url', 'duplicate-names', 'missing-required', 'rule-between-fields'].map((name) => `plans/broken/${name}`),
      ...['secret-in-clear', 'unknown-field', 'wrong-type'].map((name) => `plans/broken/${name}`),
      ...['cycle', 'five-faults', 'gate-that-cannot-be-met', 'missing-need'].map((name) => `runbooks/broken/${name}`),
      ...['output-of-a-non-ancestor', 'unknown-input', 'unknown-step', 'wrong-type'].map((name) => `runbooks/broken/${name}`),
    ]);
    for (const [name, files] of CLASSES) if (basename(name) !== 'five-faults') expect(files.length, name).toBeGreaterThanOrEqual(4);
  });

  it.each(FILES)('%s: every fault is told with line, column and path, and no other', (file) => {
    const source = fileOf(file);
    const { faults, load } = check(source);
    for (const [, mark = ''] of source.text.matchAll(/(?:#!|&&) (.*?)(?= &&|$)/gm)) expect(mark, 'the mark says no column').toMatch(/^:\d+ \S/);
    expectMarked(source, faults);
    const error = thrownBy(load);
    expect(isDrError(error, 'INPUT_INVALID') && EXIT_CODES[error.kind], String(error)).toBe(3);
    expect(isDrError(error) ? error.details['faults'] : []).toHaveLength(faults.length);
  });

  it('has one with five faults of five classes, all located', () => {
    expect(check(fileOf(`${FIXTURES}/runbooks/broken/five-faults/all.yaml`)).faults.map(({ line }) => line)).toHaveLength(5);
  });

  it.each(FILES.filter((file) => fileOf(file).text.match(SECRET) !== null))('%s: what was written in clear is not repeated to the screen', (file) => {
    const source = fileOf(file);
    const secrets = source.text.match(SECRET) ?? [];
    const { faults, load } = check(source);
    const told = [...faults.map(renderFault), String(thrownBy(load)), JSON.stringify(faults)].join('\n');
    expect(secrets.length).toBeGreaterThan(0);
    for (const secret of secrets) expect(told).not.toContain(secret.slice(0, 16));
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
