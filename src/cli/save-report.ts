import { asDrError } from '../errors/dr-error.ts';
import type { RunStore } from '../ports/run-store.ts';
import { type PageSource, reportPage } from '../report/html/report-page.ts';
import { runReportMarkdown } from '../report/run-report-markdown.ts';

/**
 * Keeps the report of a run beside it, as HTML, Markdown and JSON, and says where, in one line. The journal has all that is in it, so a report that cannot be
 * written is told and changes nothing else.
 */
export async function saveReport(store: RunStore, source: PageSource): Promise<string> {
  const { report } = source;
  try {
    await store.putEvidence(report.run, 'report.json', once(`${JSON.stringify(report, undefined, 2)}\n`));
    await store.putEvidence(report.run, 'report.md', once(runReportMarkdown(report)));
    await store.putEvidence(report.run, 'report.html', once(reportPage(source)));
    return `report: ${store.location}/runs/${report.run}/evidence/report.html\n`;
  } catch (error) {
    return `report: not written, ${asDrError(error).message}\n`;
  }
}

async function* once(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}
