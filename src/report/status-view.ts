import type { RunList } from '../operations/list-runs.ts';
import type { RunStatus } from '../operations/run-status.ts';
import { textTable } from './text-table.ts';

/** Writes a list of runs for people. */
export function runListView({ runs, location }: RunList): string {
  if (runs.length === 0) return `no runs in ${location}\n`;
  const rows = runs.map((run) => [run.id, run.cluster, run.runbook, run.end ?? run.status, run.startedAt]);
  return `${textTable([['RUN', 'CLUSTER', 'RUNBOOK', 'STATE', 'STARTED'], ...rows])}\nstate: ${location}\n`;
}

/** Writes the status of one run for people. */
export function runStatusView(status: RunStatus, resumeCommand: string): string {
  const { owner, resumes } = status;
  const who = owner === undefined ? '' : `, process ${owner.pid} of ${owner.user} on ${owner.host} since ${owner.since}`;
  const again = resumes === 0 ? '' : `, resumed ${resumes} times`;
  const head = `run ${status.run}: ${status.state}${who}${again}\n${status.reason === undefined ? '' : `${status.reason}\n`}`;
  const rows = status.steps.map((step) => [step.id, step.state, step.endedAt ?? step.startedAt ?? '', step.reason ?? step.summary]);
  const holds = status.holds.map((hold) => `hold: ${hold.subject}; may be released when ${hold.releaseWhen}\n`).join('');
  const next = status.state === 'succeeded' || status.state === 'running' || status.state === 'superseded' ? '' : `resume: ${resumeCommand}\n`;
  return `${head}\n${textTable([['STEP', 'STATE', 'AT', 'WHAT'], ...rows])}\n${holds}state: ${status.location}\n${next}`;
}
