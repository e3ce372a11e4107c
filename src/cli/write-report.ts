import { writeFile } from 'node:fs/promises';
import type { RunArchive } from '../operations/run-archive.ts';
import type { RunReport } from '../operations/run-report.ts';
import { notWritten } from './write-file.ts';

/** A report in all its forms; the record that it was made from goes into the HTML page. */
export interface WrittenReport {
  readonly report: RunReport;
  readonly archive: RunArchive;
  readonly markdown: string;
  /** Version of the tool. */
  readonly tool: string;
}

/** Writes a report as HTML, JSON or Markdown, by the ending of the file's name; only this user can read it. Throws `INPUT_INVALID` when it cannot be written. */
export async function writeReport(path: string, written: WrittenReport): Promise<void> {
  if (/\.html?$/.test(path)) await writePage(path, written);
  else await writeText(path, path.endsWith('.json') ? `${JSON.stringify(written.report, undefined, 2)}\n` : written.markdown);
}

/** Writes a report as one HTML page, whatever the file's name. Throws `INPUT_INVALID` when it cannot be written. */
export async function writePage(path: string, { report, archive, tool }: WrittenReport): Promise<void> {
  const { reportPage } = await import('../report/html/report-page.ts');
  await writeText(path, reportPage({ report, archive, generator: tool }));
}

async function writeText(path: string, content: string): Promise<void> {
  try {
    await writeFile(path, content, { mode: 0o600 });
  } catch (cause) {
    throw notWritten({ what: 'report', path, message: (cause as Error).message, cause });
  }
}
