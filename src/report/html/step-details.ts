import { formatDuration } from '../../model/duration.ts';
import type { ReportedEffect, ReportedStep } from '../../operations/report-steps.ts';
import type { RunReport } from '../../operations/run-report.ts';
import { type Content, type Html, html } from './markup.ts';
import { anchorOf, clockTime, stateClass, stateWord } from './step-words.ts';
import { facts, table } from './tables.ts';

/** Longer evidence is cut in the page; the data at its end has all of it. */
const MAX_EVIDENCE = 20_000;
/** More rows than this are counted; the data at the end of the page has all. */
const MAX_EFFECTS = 200;

/** All steps, each with what it did and what proves it; open are those that a person has to look at. */
export function stepDetails({ steps, criticalPath }: RunReport): Html {
  const critical = new Set<string>(criticalPath.map(({ id }) => id));
  return html`${steps.map((step) => details(step, critical.has(step.id)))}`;
}

function details(step: ReportedStep, isCritical: boolean): Html {
  const isOpen = step.state === 'failed' || step.state === 'waiting';
  const took = step.elapsedMs === undefined ? '' : formatDuration(step.elapsedMs);
  return html`<details class="step" id="${anchorOf(step.id)}"${isOpen ? html` open` : undefined}><summary><span class="badge ${stateClass(step)}">${stateWord(step)}</span> <b>${isCritical ? '◆ ' : ''}${step.id}</b> <span class="what">${step.summary}</span> <span class="took">${took}</span></summary>
${facts(factsOf(step))}
${troubles(step)}${effects(step.effects)}${evidence(step)}${logs(step)}</details>
`;
}

function factsOf(step: ReportedStep): readonly (readonly [string, Content])[] {
  const { reason, startedAt, endedAt, needs, protects, waits } = step;
  const times = startedAt === undefined ? [] : [['Ran', `${startedAt} to ${endedAt ?? 'now'}`] as const];
  const waited = waits.map(({ from, to }) => `${clockTime(from)} to ${clockTime(to)}`).join('; ');
  return [
    ...(reason === undefined ? [] : [['Why', reason] as const]),
    ...times,
    ...(waited === '' ? [] : [['Waited for a person', waited] as const]),
    ['Step kind', `${step.uses}, ${step.risk}${step.safety ? ', a safety step' : ''}`],
    ['Phase', step.phase],
    ...(needs.length === 0 ? [] : [['Needs', needs.map((need, index) => html`${index === 0 ? '' : ', '}<a href="#${anchorOf(need)}">${need}</a>`)] as const]),
    ...(protects === undefined ? [] : [['Watches over', protects.join(', ')] as const]),
    ['Tries', step.tries],
  ];
}

function troubles({ retries, failures }: ReportedStep): Html | undefined {
  const items = [
    ...retries.map(({ at, attempt, code, message, delayMs }) => ({
      at,
      text: html`try ${attempt} failed with <code>${code}</code>: ${message}; the next one came after ${formatDuration(delayMs)}`,
    })),
    ...failures.map(({ at, code, message, suggestions }) => ({
      at,
      text: html`<b>failed</b> with <code>${code}</code>: ${message}${suggestions.map((suggestion) => html`<br>try: <code>${suggestion}</code>`)}`,
    })),
  ].sort((a, b) => (a.at < b.at ? -1 : 1));
  if (items.length === 0) return undefined;
  return html`<h3>Errors and retries</h3><ul>${items.map(({ at, text }) => html`<li><time>${clockTime(at)}</time> ${text}</li>`)}</ul>`;
}

function effects(list: readonly ReportedEffect[]): Html | undefined {
  if (list.length === 0) return undefined;
  const rows = list
    .slice(0, MAX_EFFECTS)
    .map(({ name, key, state, found, intentAt, endedAt }) => [
      html`<code>${name}</code> ${key}`,
      found ? 'found done' : state === 'intent' ? 'begun, outcome unknown' : state,
      intentAt === undefined ? '' : clockTime(intentAt),
      endedAt === undefined ? '' : clockTime(endedAt),
    ]);
  const more = list.length - rows.length;
  return html`<h3>Effects</h3>${table(['Effect', 'Outcome', 'Intent on record', 'Outcome on record'], rows)}${more <= 0 ? undefined : html`<p class="note">and ${more} more</p>`}`;
}

function evidence({ evidence: value }: ReportedStep): Html | undefined {
  if (value === undefined || Object.keys(value).length === 0) return undefined;
  const text = JSON.stringify(value, undefined, 2);
  const cut = text.length > MAX_EVIDENCE ? `${text.slice(0, MAX_EVIDENCE)}\n(${text.length - MAX_EVIDENCE} more characters in the data of this page)` : text;
  return html`<h3>Evidence</h3><pre>${cut}</pre>`;
}

function logs({ logs: files }: ReportedStep): Html | undefined {
  if (files.length === 0) return undefined;
  return html`<h3>Detail files</h3><ul>${files.map(({ name, digest, lines }) => html`<li><code>${name}</code>, ${lines} lines, <code class="digest">${digest}</code></li>`)}</ul>`;
}
