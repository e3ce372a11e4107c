import { formatDuration } from '../../model/duration.ts';
import type { RunArchive } from '../../operations/run-archive.ts';
import type { RunReport } from '../../operations/run-report.ts';
import { criticalPathLine, totalOf } from '../critical-path-line.ts';
import { rtoLine } from '../rto-table.ts';
import { unprovenText } from '../run-report-markdown.ts';
import { knowledge } from './knowledge-section.ts';
import { type Content, type Html, html, jsonData, trusted } from './markup.ts';
import { PAGE_STYLE } from './page-style.ts';
import { accounts, decisions, holds, record } from './record-sections.ts';
import { stepDetails } from './step-details.ts';
import { anchorOf } from './step-words.ts';
import { facts, section, table } from './tables.ts';
import { timeline } from './timeline.ts';
import { verification } from './verification.ts';

/** What a page is made from, and what it carries so that it can be checked. */
export interface PageSource {
  readonly report: RunReport;
  /** The record that the report was made from. */
  readonly archive: RunArchive;
  /** Version of the tool that makes the page. */
  readonly generator: string;
}

/**
 * Writes the report of a run as one HTML file: it loads nothing, executes nothing, and carries the run's whole record. The same source gives the same
 * bytes, which is how a page is checked.
 */
export function reportPage({ report, archive, generator }: PageSource): string {
  const parts: readonly (readonly [string, string, Content])[] = [
    ['timeline', 'Timeline', html`${timeline(report)}${criticalPart(report)}`],
    ['time', 'Recovery time by phase', phases(report)],
    ['account', 'Lost, automatic, by hand', html`${accounts(report)}${knowledge(report)}`],
    ['holds', 'Holds', holds(report)],
    ['decisions', 'Decisions', decisions(report)],
    ['steps', 'Steps', stepDetails(report)],
    ['record', 'Record', html`${record(report)}${verification(report)}`],
  ];
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="lattice-dr ${generator}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>${report.cluster}: ${verdictOf(report).word} (${report.run})</title>
<style>${trusted(PAGE_STYLE)}</style>
</head>
<body>
<a class="skip" href="#timeline">Skip to the timeline</a>
${head(report)}
<nav aria-label="Contents"><ul>${parts.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
<main>
${parts.map(([id, title, content]) => section(id, title, content))}</main>
<footer>Written by lattice-dr ${generator} from the journal of run ${report.run}. This page loads nothing and runs nothing.</footer>
<script type="application/json" id="report">${jsonData(report)}</script>
<script type="application/json" id="record-data">${jsonData({ generator, archive })}</script>
</body>
</html>
`;
  return page.text;
}

interface Verdict {
  readonly word: string;
  readonly look: 'good' | 'warn' | 'bad';
}

function verdictOf({ state, rto, mode, unproven }: RunReport): Verdict {
  if (state === 'succeeded' && unproven.length > 0) return { word: 'recovered, not all proven', look: 'warn' };
  const what = mode === 'drill' ? 'drill passed' : 'recovered and verified';
  if (state === 'succeeded') return rto.met === false ? { word: `${what}, objective missed`, look: 'warn' } : { word: what, look: 'good' };
  if (state === 'waiting') return { word: 'waits for a person', look: 'warn' };
  if (state === 'running' || state === 'new') return { word: 'not ended', look: 'warn' };
  return { word: state === 'failed' ? 'failed' : state, look: 'bad' };
}

function head(report: RunReport): Html {
  const { word, look } = verdictOf(report);
  const who = [...new Set(report.owners.map(({ user, host }) => `${user} on ${host}`))].join(', ');
  const first = report.steps.find(({ state }) => state === 'failed') ?? report.steps.find(({ state }) => state === 'waiting');
  const why = report.error === undefined ? first?.reason : `${report.error.code}: ${report.error.message}`;
  return html`<header>
<p class="kind">${report.mode === 'drill' ? 'Drill' : 'Recovery'} report</p>
<h1>Cluster ${report.cluster} <span class="badge ${look}">${word}</span></h1>
${report.state === 'succeeded' || why === undefined ? undefined : html`<p class="why">${first === undefined ? undefined : html`at step <a href="#${anchorOf(first.id)}">${first.id}</a>: `}${why}</p>`}
${report.unproven.map((item) => html`<p class="why">${unprovenText(item)}</p>`)}
<p class="rto">${rtoLine(report.rto)}</p>
${objectiveBar(report)}
${facts([
  ['Runbook', `${report.runbook} (${report.mode})`],
  ['Started', report.startedAt],
  ['Ended', report.endedAt ?? `not yet; last line of the journal ${report.lastAt}`],
  ['By', who],
  ['Resumed', report.resumes === 0 ? 'never' : `${report.resumes} times`],
  ...report.changes.map(({ at, by, changes }) => [`Changed ${at}`, `by ${by}: ${changes.join('; ')}`] as const),
  ...Object.entries(report.inputs).map(([name, value]) => [`Input ${name}`, typeof value === 'string' ? value : JSON.stringify(value)] as const),
  ['Holds', report.holds.length === 0 ? 'nothing is put aside' : html`<a href="#holds">${report.holds.length} open</a>`],
  ['Run', html`<code>${report.run}</code>`],
])}
</header>`;
}

/** The recovery time as a part of its objective, for the eye; the sentence above says it in words. */
function objectiveBar({ rto: { elapsedMs, objectiveMs, met } }: RunReport): Html | undefined {
  if (elapsedMs === undefined || objectiveMs === undefined) return undefined;
  const whole = Math.max(elapsedMs, objectiveMs);
  const used = Math.max(0.5, (100 * elapsedMs) / whole);
  return html`<svg class="objective" width="100%" height="14" aria-hidden="true"><rect class="back" width="100%" height="14"/><rect class="${met === true ? 'bar' : 'bar failed'}" width="${used}%" height="14"/><line class="limit" x1="${(100 * objectiveMs) / whole}%" x2="${(100 * objectiveMs) / whole}%" y1="0" y2="14"/></svg>`;
}

function phases({ phases: list }: RunReport): Html {
  const rows = list.map(({ phase, state, steps, startMs, elapsedMs }) => [phase, state, steps, timeText(startMs), timeText(elapsedMs)]);
  return html`${table(['Phase', 'State', 'Steps', 'After', 'Took'], rows)}<p class="note">Phases overlap, so they do not add up to the whole.</p>`;
}

function criticalPart({ criticalPath }: RunReport): Html | undefined {
  if (criticalPath.length === 0) return undefined;
  const rows = criticalPath.map(({ id, elapsedMs, waitedMs, idleMs }) => [
    html`<a href="#${anchorOf(id)}">${id}</a>`,
    formatDuration(elapsedMs),
    waitedMs === 0 ? '' : formatDuration(waitedMs),
    idleMs === 0 ? '' : formatDuration(idleMs),
  ]);
  return html`<h3>Critical path</h3><p>Only these steps decided when the run ended: ${criticalPathLine(criticalPath)}.</p>
<details><summary>All ${criticalPath.length} of them</summary>${table(['Step', 'Ran', 'Waiting for a person', 'Not working'], rows)}<p class="note">Sum: ${formatDuration(totalOf(criticalPath))}.</p></details>`;
}

function timeText(ms: number | undefined): string {
  return ms === undefined ? '' : formatDuration(ms);
}
