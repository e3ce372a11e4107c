import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandContext } from '../../../src/cli/command-context.ts';
import { describeFailure } from '../../../src/cli/describe-failure.ts';
import { TypeableCommands } from '../../../src/cli/typeable-commands.ts';
import { DrError } from '../../../src/errors/dr-error.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lattice-dr-failure-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

const commandLine = (...words: readonly string[]): string => `lattice-dr ${words.join(' ')}`;

function command() {
  return {
    words: ['lab', 'up'],
    userAgent: 'lattice-dr/0.1.0',
    env: { XDG_STATE_HOME: folder },
    commandLine,
    typeable: new TypeableCommands(commandLine, [{ words: 'resume', place: 'store' }]),
  } as unknown as CommandContext;
}

describe('describeFailure', () => {
  it("turns oclif's own errors into usage errors that lead to the help", async () => {
    const thrown = Object.assign(
      new Error('The following errors occurred:\n  Missing required flag plan\n  Nonexistent flag: --foo\nSee more help with --help'),
      { oclif: { exit: 2 } },
    );
    expect(await describeFailure(thrown, command())).toMatchObject({
      exitCode: 2,
      json: { code: 'USAGE', message: 'missing required flag plan; nonexistent flag: --foo', suggestions: ['lattice-dr lab up --help'] },
    });
  });

  it('passes our errors on with the exit code of their kind', async () => {
    const failure = await describeFailure(new DrError({ code: 'RUN_LOCKED', message: 'held by another' }), command());
    expect(failure).toMatchObject({ exitCode: 8, text: 'error RUN_LOCKED: held by another\n' });
  });

  it('keeps the stack of what nobody expected in a file and names it', async () => {
    const failure = await describeFailure(new TypeError('x is not a function'), command());
    expect(failure.exitCode).toBe(1);
    const path = String(failure.json['crashFile']);
    expect(failure.text).toContain(`crash file: ${path}`);
    expect(await readFile(path, 'utf8')).toMatch(/command: lab up[\s\S]*TypeError: x is not a function/);
  });
});
