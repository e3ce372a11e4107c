import { formatDuration } from '../model/duration.ts';
import type { RunReport } from '../operations/run-report.ts';
import { textTable } from './text-table.ts';

/** Time by phase against the objective, for people. Phases overlap, so they do not add up to the whole. */
export function rtoTable(report: Pick<RunReport, 'phases' | 'rto'>): string {
  const rows = report.phases.map(({ phase, state, steps, startMs, elapsedMs }) => [
    phase,
    state,
    String(steps),
    durationText(startMs),
    durationText(elapsedMs),
  ]);
  return `${textTable([['PHASE', 'STATE', 'STEPS', 'AFTER', 'TOOK'], ...rows], [2, 3, 4])}\n${rtoLine(report.rto)}\n`;
}

/** The recovery time against its objective, in one sentence. */
export function rtoLine({ elapsedMs, objectiveMs, met, waitedMs, clockSetBackMs }: RunReport['rto']): string {
  const waited = waitedMs === 0 ? '' : `, of which ${formatDuration(waitedMs)} waiting for a person`;
  const objective = objectiveMs === undefined ? 'no objective' : `objective ${formatDuration(objectiveMs)}`;
  if (clockSetBackMs !== undefined)
    return `recovery time: cannot be told, because the clock was set back by ${formatDuration(clockSetBackMs)} meanwhile; ${objective}`;
  if (elapsedMs === undefined) return `recovery time: health is not proven${waited}; ${objective}`;
  const verdict = met === undefined ? '' : met ? ': met' : ': MISSED';
  return `recovery time: ${formatDuration(elapsedMs)}${waited}; ${objective}${verdict}`;
}

function durationText(ms: number | undefined): string {
  return ms === undefined ? '-' : formatDuration(ms);
}
