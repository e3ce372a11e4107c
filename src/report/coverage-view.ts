import type { CoverageFinding } from '../backup/covering/finding.ts';
import type { BackupCoverage } from '../operations/backup-coverage.ts';
import { textTable } from './text-table.ts';

/** Writes for people what the schedules bring back and, finding by finding, what they do not. */
export function coverageView(coverage: BackupCoverage): string {
  const { cluster, commit, server, schedules, volumes, findings, unknown } = coverage;
  const source = server === undefined ? 'its specs alone' : `its specs and ${server}`;
  const counts = (['fault', 'loss', 'note'] as const).map((severity) => `${findings.filter((one) => one.severity === severity).length} ${WORDS[severity]}`);
  return [
    `backups of ${cluster}, by ${source} at commit ${commit.slice(0, 12)}\n`,
    schedules.length === 0 ? '' : `\n${textTable([['SCHEDULE', 'WHEN', 'STORE', 'TAKES', 'VOLUMES', 'RUNS'], ...schedules.map(rowOf)])}`,
    `\n${volumes.saved} of ${volumes.total} volumes come back with their data; ${counts.join(', ')}\n`,
    findings.length === 0 ? '' : `\n${textTable([['', 'CODE', 'OBJECT', 'WHERE', 'WHAT'], ...findings.map(findingRow)])}`,
    findings.map(details).join(''),
    unknown.map((line) => `not known: ${line}\n`).join(''),
  ].join('');
}

const WORDS = { fault: 'faults', loss: 'losses', note: 'notes' } as const;

function rowOf({ velero, cron, store, takes, volumes, stopped }: BackupCoverage['schedules'][number]): readonly string[] {
  return [velero, cron, store ?? '-', takes, String(volumes.length), stopped.length === 0 ? 'yes' : `NO: ${stopped.join(', ')}`];
}

function findingRow({ severity, code, object, at = '', message }: CoverageFinding): readonly string[] {
  return [severity.toUpperCase(), code, object, at, message];
}

function details({ code, object, consequence, fix }: CoverageFinding): string {
  return `\n${code}: ${object}\n  means: ${consequence}\n  do:    ${fix}\n`;
}
