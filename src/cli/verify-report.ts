import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { DrError } from '../errors/dr-error.ts';
import type { Digest } from '../model/digest.ts';
import { isRunId, type RunId } from '../model/ids.ts';
import type { RunArchive } from '../operations/run-archive.ts';
import { reportArchive } from '../operations/run-report.ts';
import { reportPage } from '../report/html/report-page.ts';

/** A report page that holds. */
export interface VerifiedReport {
  readonly file: string;
  readonly run: RunId;
  readonly cluster: string;
  readonly state: string;
  readonly lines: number;
  /** Digest of the journal's last line. */
  readonly end: Digest;
  /** Whether every character of the page was compared: only with the version that wrote it, since another one writes it differently. */
  readonly page: 'same' | 'not compared';
  /** Version that wrote the page. */
  readonly generator: string;
}

const carried = z.object({
  generator: z.string(),
  archive: z.object({
    run: z.custom<RunId>((value) => typeof value === 'string' && isRunId(value)),
    location: z.string(),
    files: z.record(z.string(), z.string()),
    segments: z.array(z.object({ owner: z.string(), text: z.string() })),
  }),
});

/**
 * Checks a report page by the record in it: the chain, the digest of what was fixed, and, with the version that wrote the page, every character. Throws
 * `INPUT_INVALID` for a file that is no such page, `JOURNAL_BROKEN`, `RUN_CHANGED`, `REPORT_ALTERED`.
 */
export async function verifyReport(file: string, tool: string): Promise<VerifiedReport> {
  const text = await readPage(file);
  const { archive, generator } = carriedBy(text, file);
  const report = await reportArchive(archive);
  if (generator === tool) assertSame(text, reportPage({ report, archive, generator }), file);
  const { run, cluster, state, journal } = report;
  return { file, run, cluster, state, lines: journal.lines, end: journal.end, page: generator === tool ? 'same' : 'not compared', generator };
}

/** Says what was checked, and what was not. */
export function verifiedText({ run, cluster, state, lines, end, page, generator }: VerifiedReport): string {
  const compared =
    page === 'same'
      ? 'the page says what the journal says'
      : `the text of the page was NOT compared: version ${generator} wrote it and this is another one; its journal alone was checked`;
  return `run ${run} of cluster ${cluster}: ${state}\njournal: ${lines} lines, chain unbroken, last ${end}\n${compared}\n`;
}

async function readPage(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new DrError({ code: 'INPUT_INVALID', message: `the report '${file}' cannot be read: ${(cause as Error).message}`, cause });
  }
}

function carriedBy(text: string, file: string): { readonly archive: RunArchive; readonly generator: string } {
  const data = /<script type="application\/json" id="record-data">(.*?)<\/script>/s.exec(text)?.[1];
  const parsed = data === undefined ? undefined : carried.safeParse(jsonOf(data));
  if (parsed?.success === true) return parsed.data;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `'${file}' is no report page: ${data === undefined ? 'it carries no record of a run' : 'the record of the run that it carries cannot be read'}`,
    suggestions: ['report RUN --html FILE writes one'],
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Throws `REPORT_ALTERED` with the first line that differs. */
function assertSame(found: string, expected: string, file: string): void {
  if (found === expected) return;
  const lines = found.split('\n');
  const wanted = expected.split('\n');
  const index = wanted.findIndex((line, number) => line !== lines[number]);
  const number = (index === -1 ? wanted.length : index) + 1;
  throw new DrError({
    code: 'REPORT_ALTERED',
    message: `'${file}' is not the page that its own record gives: line ${number} differs`,
    details: { file, line: number, found: (lines[number - 1] ?? '').slice(0, 200), expected: (wanted[number - 1] ?? '').slice(0, 200) },
    suggestions: ['trust the journal in it, not its text: make the report again from the state store with report RUN --html FILE'],
  });
}
