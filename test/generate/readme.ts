import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Config } from '@oclif/core/config';
import { ERROR_CODES, type ErrorKind, EXIT_CODES } from '../../src/errors/codes.ts';
import { markdownTable } from '../../src/report/text-table.ts';
import { commandReference } from './command-reference.ts';
import { DEPENDENCY_REASONS } from './dependency-reasons.ts';
import { replaceBetween } from './markers.ts';

export const ROOT = join(import.meta.dirname, '..', '..');

/** What each kind of failure means, for the table of exit codes. */
const KIND_TEXTS: Readonly<Record<ErrorKind, string>> = {
  bug: 'A broken invariant. The stack is in a crash file; please report it.',
  usage: 'A wrong flag, argument or command.',
  invalid: 'Plan, runbook, specs or configuration are wrong; all faults are listed.',
  precondition: 'A check says no. The step changed nothing; earlier changes are listed.',
  step: 'A step failed. State is saved; `resume` goes on.',
  verification: 'Steps ran, but health or data are not proven, or a guard was violated.',
  declined: 'A person said no.',
  locked: 'Another run holds the cluster, or has replaced this one.',
  unavailable: 'An outside system is down, after all retries.',
  waiting: 'A person is needed and there is no terminal. State is saved.',
  degraded: 'Asked what would come back, the answer is: not all of it.',
  differences: '`drift` found differences between git, a backup and the living cluster.',
  cancelled: 'Stopped by SIGINT (130) or SIGTERM (143). State is saved.',
};

/** The README with its generated parts made anew. */
export async function renderReadme(): Promise<string> {
  const text = await readFile(join(ROOT, 'README.md'), 'utf8');
  const parts: Readonly<Record<string, string>> = {
    commands: commandReference(await loadConfig()),
    'exit-codes': exitCodeTable(),
    'error-codes': errorCodeTable(),
    dependencies: await dependencyTable(),
  };
  return Object.entries(parts).reduce((all, [name, content]) => replaceBetween(all, name, content), text);
}

/** The program's own description of its commands, read from the sources. */
export async function loadConfig(): Promise<Config> {
  process.env['OCLIF_TS_NODE'] = '0';
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as ConstructorParameters<typeof Config>[0]['pjson'];
  const pjson = { ...manifest, oclif: { ...manifest?.oclif, commands: './src/commands' } };
  return await Config.load({ root: ROOT, pjson, ignoreManifest: true } as Parameters<typeof Config.load>[0]);
}

function exitCodeTable(): string {
  const rows = Object.entries(EXIT_CODES).map(([kind, code]) => [String(code), kind, KIND_TEXTS[kind as ErrorKind]]);
  return markdownTable([['Exit', 'Kind', 'Meaning'], ['0', '', 'Done and verified; holds that are still open are listed.'], ...rows]);
}

function errorCodeTable(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { kind, meaning }]) => [`\`${code}\``, kind, String(EXIT_CODES[kind]), meaning]);
  return markdownTable([['Code', 'Kind', 'Exit', 'Meaning'], ...rows]);
}

async function dependencyTable(): Promise<string> {
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    readonly dependencies: Record<string, string>;
    readonly devDependencies: Record<string, string>;
  };
  const rows = (all: Readonly<Record<string, string>>, used: string): readonly (readonly string[])[] =>
    Object.keys(all).map((name) => [`\`${name}\``, used, reasonOf(name)]);
  return markdownTable([['Package', 'Used', 'Why'], ...rows(manifest.dependencies, 'by the tool'), ...rows(manifest.devDependencies, 'in development')]);
}

function reasonOf(name: string): string {
  const reason = DEPENDENCY_REASONS[name];
  if (reason === undefined) throw new Error(`dependency '${name}' has no reason in test/generate/dependency-reasons.ts`);
  return reason;
}
