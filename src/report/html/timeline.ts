import { formatDuration } from '../../model/duration.ts';
import type { ReportedStep } from '../../operations/report-steps.ts';
import type { RunReport } from '../../operations/run-report.ts';
import { type Html, html } from './markup.ts';
import { anchorOf, clockTime, stateWord } from './step-words.ts';
import { TimeScale } from './time-scale.ts';

/** More bars than this help nobody; the longest are drawn, and all steps are in the list below. */
const MAX_ROWS = 150;
/** Heights in CSS pixels. */
const AXIS = 34;
const ROW = 36;
const BAR = { top: 19, height: 12 };

interface Drawing {
  readonly report: RunReport;
  readonly scale: TimeScale;
  readonly end: number;
  readonly critical: ReadonlySet<string>;
}

/** Draws the steps of a run over time. Widths are percentages, so that the text stays readable on a phone and on paper. */
export function timeline(report: RunReport): Html {
  const owners = report.owners.filter(({ purpose }) => purpose === 'run');
  const start = Date.parse(report.startedAt);
  const end = Math.max(start, Date.parse(report.endedAt ?? report.lastAt), ...report.steps.map(({ endedAt }) => Date.parse(endedAt ?? report.startedAt)));
  const drawing: Drawing = { report, scale: new TimeScale(owners, { start, end }), end, critical: new Set(report.criticalPath.map(({ id }) => id)) };
  const ran = report.steps.filter((step) => step.startedAt !== undefined || step.waits.length > 0);
  if (ran.length === 0) return html`<p>No step has started.</p>`;
  const rows = drawnSteps(ran, drawing);
  const height = AXIS + rows.length * ROW;
  const left = ran.length - rows.length;
  return html`${legend()}
<svg class="timeline" width="100%" height="${height}" role="group" aria-label="Timeline of ${rows.length} steps, from ${report.startedAt} to ${new Date(end).toISOString()}">
${hatching()}
${axis(drawing, height)}
${rows.map((step, index) => row(step, index, drawing))}
</svg>
${ownerNotes(report)}
${left === 0 ? undefined : html`<p class="note">The ${rows.length} longest steps are drawn; the list below has ${left} more that ran.</p>`}`;
}

function drawnSteps(ran: readonly ReportedStep[], { critical }: Drawing): readonly ReportedStep[] {
  if (ran.length <= MAX_ROWS) return ran;
  const weight = (step: ReportedStep): number => (critical.has(step.id) ? Infinity : (step.elapsedMs ?? 0));
  const kept = new Set([...ran].sort((a, b) => weight(b) - weight(a)).slice(0, MAX_ROWS));
  return ran.filter((step) => kept.has(step));
}

function hatching(): Html {
  return html`<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" class="hatch-back"/><line x1="0" y1="0" x2="0" y2="6" class="hatch-line"/></pattern></defs>`;
}

function legend(): Html {
  const key = (kind: string, text: string): Html =>
    html`<li><svg width="22" height="12" aria-hidden="true"><rect width="22" height="12" class="${kind}"/></svg> ${text}</li>`;
  return html`<ul class="legend">${key('bar', 'ran')}${key('bar found', 'found done')}${key('bar failed', 'failed')}${key('wait', 'a person was waited for')}${key('pause', 'between two tries')}<li><svg width="10" height="12" aria-hidden="true"><line class="failure" x1="5" x2="5" y1="0" y2="12"/></svg> a try ended in failure</li><li><span class="mark" aria-hidden="true">◆</span> on the critical path</li></ul>`;
}

function axis({ report, scale }: Drawing, height: number): Html {
  const ticks = scale.ticks().map(({ percent, afterMs }) => {
    const anchor = percent > 92 ? 'end' : percent < 4 ? 'start' : 'middle';
    return html`<line class="tick" x1="${percent}%" x2="${percent}%" y1="16" y2="${height}"/><text class="tick-text" x="${percent}%" y="11" text-anchor="${anchor}">${afterMs === 0 ? '0' : formatDuration(afterMs)}</text>`;
  });
  const breaks = scale.breaks.map(
    ({ from, to, ms }) =>
      html`<rect class="break" x="${from}%" width="${to - from}%" y="16" height="${height - 16}"><title>No process ran this run for ${formatDuration(ms)}; drawn short.</title></rect>`,
  );
  const resumes = laterOwners(report).map(({ at }, index) => {
    const percent = scale.percent(Date.parse(at));
    const isRight = percent > 60;
    return html`<line class="resume" x1="${percent}%" x2="${percent}%" y1="16" y2="${height}"/><text class="resume-text" x="${percent}%" y="28" dx="${isRight ? -4 : 4}" text-anchor="${isRight ? 'end' : 'start'}">#${index + 2}</text>`;
  });
  return html`${breaks}${ticks}${resumes}`;
}

/** Those who went on with the run, each a line across the drawing. */
function laterOwners({ owners }: RunReport): RunReport['owners'] {
  return owners.filter(({ purpose }) => purpose === 'run').slice(1);
}

function ownerNotes(report: RunReport): Html | undefined {
  const owners = laterOwners(report);
  if (owners.length === 0) return undefined;
  return html`<ul class="legend">${owners.map(({ at, user, host }, index) => html`<li><span class="resume-key">#${index + 2}</span> resumed by ${user} on ${host}, ${at}</li>`)}</ul>`;
}

function row(step: ReportedStep, index: number, drawing: Drawing): Html {
  const isCritical = drawing.critical.has(step.id);
  const took = step.elapsedMs === undefined ? stateWord(step) : formatDuration(step.elapsedMs);
  const times = timesText(step);
  return html`<a href="#${anchorOf(step.id)}" class="row${isCritical ? ' critical' : ''}" aria-label="${step.id}: ${stateWord(step)}, ${times}"><g transform="translate(0 ${AXIS + index * ROW})"><rect class="back" width="100%" height="${ROW - 2}" y="1"/><text class="name" x="3" y="14">${isCritical ? '◆ ' : ''}${step.id} <tspan class="took">${took}</tspan></text><text class="times" x="3" y="14">${times}</text>${bars(step, drawing)}</g></a>
`;
}

function bars(step: ReportedStep, drawing: Drawing): Html {
  const { startedAt, endedAt } = step;
  const ran =
    startedAt === undefined
      ? undefined
      : bar(drawing, { from: Date.parse(startedAt), to: endedAt === undefined ? drawing.end : Date.parse(endedAt), kind: barClass(step) });
  const pauses = step.retries.map(({ at, delayMs }) =>
    bar(drawing, { from: Date.parse(at), to: Math.min(drawing.end, Date.parse(at) + delayMs), kind: 'pause' }),
  );
  const waits = step.waits.map(({ from, to }) => bar(drawing, { from: Date.parse(from), to: Date.parse(to), kind: 'wait' }));
  const tries = step.triedAt.slice(1).map((at) => {
    const percent = drawing.scale.percent(Date.parse(at));
    return html`<line class="try" x1="${percent}%" x2="${percent}%" y1="${BAR.top - 3}" y2="${BAR.top + BAR.height + 3}"/>`;
  });
  const failures = step.failures.map(({ at, code }) => {
    const percent = drawing.scale.percent(Date.parse(at));
    return html`<line class="failure" x1="${percent}%" x2="${percent}%" y1="${BAR.top - 3}" y2="${BAR.top + BAR.height + 3}"><title>${at}: ${code}</title></line>`;
  });
  return html`${ran}${pauses}${waits}${tries}${failures}`;
}

/** At least two pixels wide, so that what took a moment can be seen. */
function bar({ scale }: Drawing, { from, to, kind }: { readonly from: number; readonly to: number; readonly kind: string }): Html {
  const x = scale.percent(from);
  const width = Math.max(0, scale.percent(to) - x);
  return html`<rect class="${kind}" x="${round(x)}%" width="${round(width)}%" y="${BAR.top}" height="${BAR.height}"/>${width < 0.4 ? html`<rect class="${kind}" x="${round(Math.min(x, 99.6))}%" width="2" y="${BAR.top}" height="${BAR.height}"/>` : undefined}`;
}

function round(percent: number): number {
  return Math.round(percent * 1_000) / 1_000;
}

function barClass({ state, found }: ReportedStep): string {
  if (state === 'failed') return 'bar failed';
  if (state !== 'succeeded') return 'bar open';
  return found ? 'bar found' : 'bar';
}

/** When a step ran, for a person who points at its bar. */
function timesText({ startedAt, endedAt, elapsedMs, tries, waits }: ReportedStep): string {
  const from = startedAt === undefined ? (waits[0]?.from ?? '') : startedAt;
  const parts = [
    `${clockTime(from)} to ${endedAt === undefined ? 'now' : clockTime(endedAt)}`,
    ...(elapsedMs === undefined ? [] : [formatDuration(elapsedMs)]),
    ...(tries > 1 ? [`${tries} tries`] : []),
    ...(waits.length === 0 ? [] : ['waited for a person']),
  ];
  return parts.join(', ');
}
