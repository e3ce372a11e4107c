import { formatDuration } from '../model/duration.ts';
import type { ReportedStep } from '../operations/report-steps.ts';
import type { LostItem, PersonItem, RunReport } from '../operations/run-report.ts';
import { criticalPathLine } from './critical-path-line.ts';
import { knowledgeSections } from './knowledge-markdown.ts';
import { rtoLine } from './rto-table.ts';
import { markdownTable } from './text-table.ts';

/** Writes the report of a run as Markdown, for the ticket and the post-mortem. */
export function runReportMarkdown(report: RunReport): string {
  const sections: readonly (readonly [string, string])[] = [
    ['Recovery time', `${rtoLine(report.rto)}\n\n${phaseTable(report)}`],
    ['Critical path', `${criticalPathLine(report.criticalPath) || 'no step has ended'}\n`],
    ['Steps', stepTable(report.steps)],
    ...(report.changes.length === 0 ? [] : [['Changed on the way', bullets(report.changes.flatMap(changeTexts), '')] as const]),
    ['Automatic', bullets(report.automatic, 'nothing was automatic')],
    ['What needed or needs a person', bullets(report.people.map(personText), 'nothing')],
    ['Not proven', bullets(report.unproven.map(unprovenText), 'nothing was overridden')],
    ['What is lost', bullets(report.lost.map(lostText), 'nothing is known to be lost')],
    ...knowledgeSections(report.knowledge),
    [
      'Holds',
      bullets(
        report.holds.map((hold) => `${hold.subject}; may be released when ${hold.releaseWhen}`),
        'nothing is put aside any more',
      ),
    ],
    [
      'Released',
      bullets(
        report.released.map(({ hold, releasedAt, releasedBy }) => `${hold.subject}, at ${releasedAt ?? '?'} by ${releasedBy ?? '?'}`),
        'nothing',
      ),
    ],
  ];
  return `# Run ${report.run}\n\n${heading(report)}\n${sections.map(([title, text]) => `## ${title}\n\n${text}\n`).join('\n')}`;
}

/** What a run went on without: that it is not proven, and on whose word. */
export function unprovenText({ step, by, at, reason }: RunReport['unproven'][number]): string {
  return `not proven: ${step} overridden by ${by} at ${at}: ${reason}`;
}

function heading(report: RunReport): string {
  return markdownTable([
    ['Cluster', report.cluster],
    ['State', report.state],
    ['Runbook', `${report.runbook} (${report.mode})`],
    ['Started', report.startedAt],
    ['Ended', report.endedAt ?? 'not yet'],
    ['Resumed', `${report.resumes} times`],
    ...Object.entries(report.inputs).map(([name, value]) => [`Input ${name}`, typeof value === 'string' ? value : JSON.stringify(value)]),
    ['Tool', report.tool],
    ['State store', report.location],
  ]);
}

function phaseTable({ phases }: RunReport): string {
  const rows = phases.map(({ phase, state, steps, startMs, elapsedMs }) => [phase, state, String(steps), timeText(startMs), timeText(elapsedMs)]);
  return markdownTable([['Phase', 'State', 'Steps', 'After', 'Took'], ...rows]);
}

function stepTable(steps: readonly ReportedStep[]): string {
  const rows = steps.map((step) => [
    step.id,
    step.attested ? 'attested' : step.state,
    timeText(step.elapsedMs),
    String(step.tries),
    step.reason ?? step.summary,
  ]);
  return markdownTable([['Step', 'State', 'Took', 'Tries', 'What'], ...rows]);
}

/** What a resume took over: when, by whom, and what differed. */
export function changeTexts({ at, by, changes }: RunReport['changes'][number]): readonly string[] {
  return changes.map((line) => `${at}, ${by}: ${line}`);
}

/** One thing that a person did or has to do. */
export function personText({ what, who, at, state }: PersonItem): string {
  const by = who === undefined ? '' : ` (${who}${at === undefined ? '' : `, ${at}`})`;
  return `${state === 'open' ? 'open: ' : ''}${what}${by}`;
}

/** One thing that did not come back, and how much of it. */
export function lostText({ what, why, minutes }: LostItem): string {
  return `${what}: ${why}${minutes === undefined ? '' : `; the run began ${minutes} min later`}`;
}

function bullets(items: readonly string[], none: string): string {
  return items.length === 0 ? `${none}\n` : items.map((item) => `- ${item}\n`).join('');
}

function timeText(ms: number | undefined): string {
  return ms === undefined ? '' : formatDuration(ms);
}
