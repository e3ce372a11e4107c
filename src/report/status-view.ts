import type { ListedRun, RunList } from '../operations/list-runs.ts';
import type { NextCommand } from '../operations/next-commands.ts';
import type { RunStatus } from '../operations/run-status.ts';
import { textTable } from './text-table.ts';

/** Runs that are over are history: the newest of them are enough, and `--json` has all. */
const MAX_ENDED = 10;

/** Writes a list of runs for people: first those that somebody has to do something about, each with the next command to type, then the newest of the others. */
export function runListView({ runs, location }: RunList): string {
  if (runs.length === 0) return `no runs in ${location}\n`;
  const newest = [...runs].reverse();
  const active = newest.filter((run) => run.active);
  const ended = newest.filter((run) => !run.active);
  return [
    active.length === 0 ? 'no run is active\n' : active.map(activeRun).join('\n'),
    ended.length === 0 ? '' : `\n${endedTable(ended.slice(0, MAX_ENDED))}`,
    ended.length > MAX_ENDED ? `and ${ended.length - MAX_ENDED} older ones\n` : '',
    `\nstate: ${location}\n`,
  ].join('');
}

function activeRun({ id, cluster, runbook, standing, startedAt, lastAt, openHolds, next }: ListedRun): string {
  const holds = openHolds === 0 ? '' : `, ${openHolds} ${openHolds === 1 ? 'hold' : 'holds'} open`;
  return `${id}: ${standing}${holds}\n  cluster ${cluster}, runbook ${runbook}, started ${startedAt}, last line ${lastAt}\n${nextLines(next)}`;
}

function endedTable(runs: readonly ListedRun[]): string {
  return textTable([
    ['ENDED', 'CLUSTER', 'RUNBOOK', 'STATE', 'STARTED'],
    ...runs.map((run) => [run.id, run.cluster, run.runbook, run.standing, run.startedAt]),
  ]);
}

function nextLines(next: readonly NextCommand[]): string {
  return next.map(({ why, command }) => `  ${why}:\n    ${command}\n`).join('');
}

/** Writes the status of one run for people. */
export function runStatusView(status: RunStatus): string {
  const { owner, resumes } = status;
  const who = owner === undefined ? '' : `, process ${owner.pid} of ${owner.user} on ${owner.host} since ${owner.since}`;
  const again = resumes === 0 ? '' : `, resumed ${resumes} times`;
  const head = `run ${status.run}: ${status.state}${who}${again}\n${status.reason === undefined ? '' : `${status.reason}\n`}`;
  const changed = status.changes.map(({ at, by, changes }) => `changed at ${at} by ${by}: ${changes.join('; ')}\n`).join('');
  const rows = status.steps.map((step) => [step.id, step.state, step.endedAt ?? step.startedAt ?? '', step.reason ?? step.summary]);
  const holds = status.holds.map((hold) => `hold: ${hold.subject}; may be released when ${hold.releaseWhen}\n`).join('');
  return `${head}${changed}\n${textTable([['STEP', 'STATE', 'AT', 'WHAT'], ...rows])}\n${holds}state: ${status.location}\n${nextLines(status.next)}`;
}
