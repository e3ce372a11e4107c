import { writeFile } from 'node:fs/promises';
import { DrError } from '../errors/dr-error.ts';
import type { RunReport } from '../operations/run-report.ts';

/** Writes a report as JSON or Markdown, by the ending of the file's name; only this user can read it. Throws `INPUT_INVALID` when it cannot be written. */
export async function writeReport(path: string, { report, markdown }: { readonly report: RunReport; readonly markdown: string }): Promise<void> {
  const content = path.endsWith('.json') ? `${JSON.stringify(report, undefined, 2)}\n` : markdown;
  try {
    await writeFile(path, content, { mode: 0o600 });
  } catch (cause) {
    throw new DrError({ code: 'INPUT_INVALID', message: `the report cannot be written to '${path}': ${(cause as Error).message}`, cause });
  }
}
