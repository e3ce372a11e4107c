import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { DrError, isDrError } from '../errors/dr-error.ts';
import type { Digest } from '../model/digest.ts';
import { isRunId, type RunId } from '../model/ids.ts';
import type { RunArchive } from '../operations/run-archive.ts';
import { type RunReport, reportArchive } from '../operations/run-report.ts';
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

/** The record of the run in a page. */
const RECORD = /<script type="application\/json" id="record-data">(.*?)<\/script>/s;
/** How a person comes by a page. */
const WRITE_ONE = 'write one from the run state: lattice-dr report RUN --html FILE';
/** What a person does about a page that does not hold. */
const MAKE_AGAIN = 'make the page again from the run state, which is checked as it is read: lattice-dr report RUN --html FILE';

/**
 * Checks a report page by the record in it: the chain, the digest of what was fixed, and, with the version that wrote the page, every character. Throws
 * `INPUT_INVALID` for a file that is no such page, `REPORT_ALTERED` with what of the page was altered, as far as it can be told.
 */
export async function verifyReport(file: string, tool: string): Promise<VerifiedReport> {
  const text = await readPage(file);
  const { archive, generator } = carriedBy(text, file);
  const report = await reportOf(archive, file);
  if (generator === tool) assertSame({ file, found: text, expected: reportPage({ report, archive, generator }) }, report);
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
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? `does not exist (${resolve(file)})` : `cannot be read: ${(cause as Error).message}`;
    throw new DrError({ code: 'INPUT_INVALID', message: `the report '${file}' ${why}`, suggestions: [WRITE_ONE], cause });
  }
}

function carriedBy(text: string, file: string): { readonly archive: RunArchive; readonly generator: string } {
  const data = RECORD.exec(text)?.[1];
  const parsed = data === undefined ? undefined : carried.safeParse(jsonOf(data));
  if (parsed?.success === true) return parsed.data;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `'${file}' is no report page: ${data === undefined ? 'it carries no record of a run' : 'the record of the run that it carries cannot be read'}`,
    suggestions: [WRITE_ONE],
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The report that the page's own record gives. A page is written only from a record that holds, so one that does not hold was changed in the page, whatever the
 * state it came from is like now. Throws `REPORT_ALTERED`.
 */
async function reportOf(archive: RunArchive, file: string): Promise<RunReport> {
  try {
    return await reportArchive(archive);
  } catch (error) {
    if (!isDrError(error, 'JOURNAL_BROKEN', 'RUN_CHANGED', 'RUN_NOT_FOUND')) throw error;
    throw new DrError({
      code: 'REPORT_ALTERED',
      message: `the page '${file}' was altered after it was written: the record in it does not hold: ${brokenPart(error)}`,
      details: { file, altered: 'record', found: { code: error.code, ...error.details } },
      suggestions: [MAKE_AGAIN],
    });
  }
}

/** Which part of a record does not hold, in words that are about the page: the error's own are about a store of runs. */
function brokenPart({ code, message }: DrError): string {
  return code === 'JOURNAL_BROKEN' ? message : 'what the run started with (run.json: plan, runbook, steps) is not what its journal vouches for, or is gone';
}

interface ComparedPage {
  readonly file: string;
  readonly found: string;
  readonly expected: string;
}

/** Throws `REPORT_ALTERED` with the first line that differs, and with what was altered: the text, or the end of the journal, which a chain cannot show by itself. */
function assertSame({ file, found, expected }: ComparedPage, { journal }: RunReport): void {
  if (found === expected) return;
  const lines = found.split('\n');
  const wanted = expected.split('\n');
  const index = wanted.findIndex((line, number) => line !== lines[number]);
  const number = (index === -1 ? wanted.length : index) + 1;
  // The text names the journal's last line too, so a text that knows another one was written from a longer journal than the page carries now.
  const isTextAltered = found.replace(RECORD, '').includes(journal.end);
  const what = isTextAltered
    ? 'its text is not what its own record says; the record holds'
    : 'its text was written from a journal with another last line than the one it carries: lines were taken from the journal or added to it, or the text was changed';
  throw new DrError({
    code: 'REPORT_ALTERED',
    message: `the page '${file}' was altered after it was written: ${what}; line ${number} differs`,
    details: {
      file,
      altered: isTextAltered ? 'text' : 'text or end of the record',
      line: number,
      found: (lines[number - 1] ?? '').slice(0, 200),
      expected: (wanted[number - 1] ?? '').slice(0, 200),
    },
    suggestions: [MAKE_AGAIN],
  });
}
