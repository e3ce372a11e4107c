import type { RunReport } from '../operations/run-report.ts';
import { rtoTable } from './rto-table.ts';
import { lostText, personText } from './run-report-markdown.ts';

/** What stands below a run on the terminal: time by phase, what a person still has to do, what is lost. */
export function runSummary(report: RunReport): string {
  const open = report.people.filter((item) => item.state === 'open').map(personText);
  return [
    rtoTable(report),
    `automatic: ${report.automatic.length} of ${report.steps.length} steps\n`,
    section('needs a person', open),
    section('lost', report.lost.map(lostText)),
  ].join('');
}

function section(title: string, items: readonly string[]): string {
  return items.length === 0 ? `${title}: nothing\n` : `${title}:\n${items.map((item) => `  ${item}\n`).join('')}`;
}
