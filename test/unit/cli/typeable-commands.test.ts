import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type KnownCommand, knownCommands, TypeableCommands } from '../../../src/cli/typeable-commands.ts';
import { loadConfig } from '../../generate/readme.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** Those of the program as it is. */
const known: readonly KnownCommand[] = knownCommands(await loadConfig());
const RUN = 'east-20261121T031500Z-9f3c';

it('know which commands go by the state of runs, and which by a lab', () => {
  const of = (words: string) => known.find((one) => one.words === words)?.place;
  expect(['resume', 'status', 'lab up', 'report verify', 'runbook show'].map(of)).toEqual(['store', 'store', 'lab', undefined, undefined]);
});

describe('commands in suggestions', () => {
  const commands = new TypeableCommands((...words) => `npx lattice-dr ${words.join(' ')}`, known);

  it('name the program as it was started and the state that is in use, and keep what follows', () => {
    commands.storeFlags = ['--state-dir', '/srv/runs'];
    expect(commands.in(`to go on: lattice-dr resume ${RUN} --approve 'cutover'`)).toBe(
      `to go on: npx lattice-dr resume ${RUN} --state-dir /srv/runs --approve 'cutover'`,
    );
  });

  it('without a run lead to the same state too', () => {
    commands.storeFlags = ['--state-dir', '/srv/runs'];
    expect(commands.in('to list the runs: lattice-dr status')).toBe('to list the runs: npx lattice-dr status --state-dir /srv/runs');
  });

  it('that say themselves where the state is are left their own place', () => {
    commands.storeFlags = ['--state-dir', '/srv/runs'];
    expect(commands.in(`lattice-dr resume ${RUN} --state-dir DIRECTORY`)).toBe(`npx lattice-dr resume ${RUN} --state-dir DIRECTORY`);
    expect(commands.in(`lattice-dr status ${RUN}; or lattice-dr status --plan FILE`)).toBe(
      `npx lattice-dr status ${RUN} --state-dir /srv/runs; or npx lattice-dr status --plan FILE`,
    );
  });

  it('about a lab lead to the lab in use', () => {
    commands.labFlags = ['--dir', '/srv/lab'];
    expect(commands.in('start one: lattice-dr lab up')).toBe('start one: npx lattice-dr lab up --dir /srv/lab');
  });

  it.each(['runbook list', 'runbook show', 'report verify', 'validate', 'init'])('of kind %s name the program and no state', (verb) => {
    commands.storeFlags = ['--state-dir', '/srv/runs'];
    expect(commands.in(`lattice-dr ${verb} FILE`)).toBe(`npx lattice-dr ${verb} FILE`);
  });

  it('are told from words that only name the program', () => {
    const text = 'resume it with the version of lattice-dr that started it, by lattice-dr itself';
    expect(commands.in(text)).toBe(text);
  });
});

/** Words after the name of the program in texts of the sources that are no command. */
const NO_COMMAND = /lattice-dr (seal\\n|journal of|lab \$\{|needs server|writes|that started|init at|\$\{|<\/?[a-z])/;

describe('commands in the sources', () => {
  const commands = new TypeableCommands((...words) => `PROGRAM ${words.join(' ')}`, known);
  const texts = globSync('src/**/*.ts', { cwd: ROOT }).flatMap((file) =>
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\*|\/\*\*|\/\/)/.test(line) && /['`"].*lattice-dr [a-z$]/.test(line) && !NO_COMMAND.test(line))
      .map((line) => [`${file}: ${line.trim()}`, line] as const),
  );

  it('are many', () => {
    expect(texts.length).toBeGreaterThan(40);
  });

  it.each(texts)('can be written out: %s', (_where, line) => {
    expect(commands.in(line.replaceAll(/\$\{[^}]*\}/g, RUN))).not.toContain('lattice-dr ');
  });
});
