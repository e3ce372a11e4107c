import { asDrError } from '../errors/dr-error.ts';
import type { RunReport } from '../operations/run-report.ts';
import type { RunStore } from '../ports/run-store.ts';
import { runReportMarkdown } from '../report/run-report-markdown.ts';

/**
 * Keeps the report of a run beside it, as Markdown and JSON, and says where, in one line. The journal has all that is in it, so a report that cannot be
 * written is told and changes nothing else.
 */
export async function saveReport(store: RunStore, report: RunReport): Promise<string> {
  try {
    await store.putEvidence(report.run, 'report.json', once(`${JSON.stringify(report, undefined, 2)}\n`));
    await store.putEvidence(report.run, 'report.md', once(runReportMarkdown(report)));
    return `report: ${store.location}/runs/${report.run}/evidence/report.md\n`;
  } catch (error) {
    return `report: not written, ${asDrError(error).message}\n`;
  }
}

async function* once(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}
