import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { exitCodeOf } from '../../../src/cli/exit-code.ts';
import { asDrError } from '../../../src/errors/dr-error.ts';
import type { JsonValue } from '../../../src/model/json.ts';
import type { InputFile } from '../../../src/operations/prepare-run.ts';
import { validate } from '../../../src/operations/validate.ts';
import { catalogue } from '../../../src/steps/catalogue.ts';
import { fileOf } from '../runbook/fixtures.ts';
import { type Mutation, mutationsOf } from '../runbook/mutate.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', '..', 'bin', 'dev.js');
const PLAN = 'test/fixtures/plans/lab.yaml';
const RUNBOOK = 'runbooks/rebuild.yaml';

function inputFile(path: string, text = fileOf(path).text): InputFile {
  return { file: path, folder: '/plans', text };
}

function mutations(path: string): readonly Mutation[] {
  return mutationsOf(parse(fileOf(path).text) as JsonValue);
}

/** The exit code that `validate` ends with, by the same two steps as the command takes: the operation, and the code of what it throws. */
function exitOf(plan: InputFile, runbook: InputFile): number {
  try {
    validate({ plan, runbook }, catalogue);
    return 0;
  } catch (thrown) {
    return exitCodeOf(asDrError(thrown));
  }
}

/** Names of the mutations by the exit code they lead to. Those of the runbook are loaded one by one in test/unit/runbook/mutations.test.ts. */
function byExit(path: string, exit: (text: string) => number): ReadonlyMap<number, readonly string[]> {
  return new Map([...Map.groupBy(mutations(path), ({ data }) => exit(stringify(data)))].map(([code, list]) => [code, list.map(({ name }) => name)]));
}

describe('every key of the plan of the lab deleted, renamed and retyped in turn', () => {
  it('ends with 0 or 3 where the shipped runbook is checked against it', { timeout: 120_000 }, () => {
    const found = byExit(PLAN, (text) => exitOf(inputFile(PLAN, text), inputFile(RUNBOOK)));
    expect(new Set(found.keys())).toEqual(new Set([0, 3]));
    expect(found.get(3)?.length ?? 0).toBeGreaterThan(found.get(0)?.length ?? 0);
    expect(found.get(3)).toEqual(expect.arrayContaining(['spec.cluster.name deleted', 'spec.objectives.rto renamed', 'kind deleted']));
  });
});

describe('the program, given a broken file', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-mutated-'));
  });
  afterAll(async () => await rm(folder, { recursive: true, force: true }));

  async function program(args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string }> {
    return await new Promise((resolve) => {
      execFile(process.execPath, [PROGRAM, ...args, '--json'], { env: { PATH: process.env['PATH'] ?? '', HOME: folder } }, (error, stdout) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout }),
      );
    });
  }

  it.each([
    ['plan', PLAN, 'spec.cluster.name deleted', 'validate'],
    ['plan', PLAN, 'spec.dns.records[0].server renamed', 'rebuild'],
    ['plan', PLAN, 'spec.health[0].expect deleted', 'plan'],
    ['runbook', RUNBOOK, 'spec.steps[4].uses deleted', 'validate'],
    ['runbook', RUNBOOK, 'spec.steps[3].gate.approve renamed', 'rebuild'],
  ] as const)('a %s of %s with %s ends %s with 3 and the place', { timeout: 60_000 }, async (...[flag, path, name, command]) => {
    const mutation = mutations(path).find((candidate) => candidate.name === name);
    const file = join(folder, 'mutated.yaml');
    await writeFile(file, stringify(mutation?.data));
    const plan = join(folder, 'plan.yaml');
    await writeFile(plan, fileOf(PLAN).text);
    const { code, stdout } = await program([command, '--plan', flag === 'plan' ? file : plan, ...(flag === 'runbook' ? ['--runbook', file] : [])]);
    expect(code, stdout).toBe(3);
    const { error } = JSON.parse(stdout) as { error: { code: string; details: { faults: readonly { file: string; line: number; column: number }[] } } };
    expect(error.code).toBe('INPUT_INVALID');
    for (const fault of error.details.faults) expect([fault.file, fault.line > 0, fault.column > 0]).toEqual([file, true, true]);
  });
});
