import type { RunReport } from '../operations/run-report.ts';
import { criticalPathLine } from './critical-path-line.ts';
import { baselineLine } from './knowledge-markdown.ts';
import { rtoTable } from './rto-table.ts';
import { lostText, personText, unprovenText } from './run-report-markdown.ts';

/** What stands below a run on the terminal: time by phase, what a person still has to do, what is lost. */
export function runSummary(report: RunReport): string {
  const open = report.people.filter((item) => item.state === 'open').map(personText);
  return [
    rtoTable(report),
    report.criticalPath.length === 0 ? '' : `critical path: ${criticalPathLine(report.criticalPath)}\n`,
    `automatic: ${report.automatic.length} of ${report.steps.length} steps\n`,
    baselineLine(report.knowledge),
    section('needs a person', open),
    section('lost', report.lost.map(lostText)),
    report.unproven.length === 0 ? '' : section('NOT PROVEN', report.unproven.map(unprovenText)),
  ].join('');
}

function section(title: string, items: readonly string[]): string {
  return items.length === 0 ? `${title}: nothing\n` : `${title}:\n${items.map((item) => `  ${item}\n`).join('')}`;
}
