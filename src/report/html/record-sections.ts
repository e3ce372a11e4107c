import type { PlannedChange } from '../../model/change.ts';
import { formatDuration } from '../../model/duration.ts';
import type { JsonValue } from '../../model/json.ts';
import type { DecisionItem } from '../../operations/report-evidence.ts';
import type { RunReport } from '../../operations/run-report.ts';
import { changeLines } from '../change-lines.ts';
import { type Content, type Html, html } from './markup.ts';
import { anchorOf, clockTime } from './step-words.ts';
import { facts, list, table } from './tables.ts';

/** Who decided what, how it is known, and what was shown. */
export function decisions({ decisions: items }: RunReport): Html {
  if (items.length === 0) return html`<p>Nobody decided anything.</p>`;
  return html`${items.map(decision)}`;
}

function decision(item: DecisionItem): Html {
  const { step, decision: what, by, at, how, signed, text, asked } = item;
  const identity = signed === undefined ? 'not signed: nothing but the account name says who it was' : `signed by ${signed.principal}, key ${signed.key}`;
  const pairs: (readonly [string, Content])[] = [
    ['When', at],
    [
      'How',
      how === undefined
        ? 'not recorded'
        : { terminal: 'typed on the terminal of the run', flag: 'flag on its command line', inbox: 'sent from another process' }[how],
    ],
    ['Identity', identity],
    ...(text === undefined ? [] : [['In their words', text] as const]),
    ...(asked === undefined
      ? []
      : [['Asked', `${asked.at}: ${asked.reason}`] as const, ['Bound to', html`<code class="digest">${asked.shown}</code>`] as const]),
  ];
  const about = step === undefined ? 'for the whole run' : html`<a href="#${anchorOf(step)}">${step}</a>`;
  const shown = asked === undefined ? undefined : html`<h3>What was shown</h3><pre>${shownText(asked.changes, asked.omitted)}</pre>`;
  return html`<details class="decision"><summary><b>${by}</b> ${what} ${about} <span class="took">${clockTime(at)}</span></summary>
${facts(pairs)}${shown}</details>
`;
}

function shownText(changes: readonly JsonValue[], omitted: number): string {
  if (changes.length === 0) return 'no change was planned';
  const lines = changes.flatMap((change) => (isChange(change) ? changeLines([change]) : [JSON.stringify(change)]));
  return [...lines, ...(omitted > 0 ? [`and ${omitted} more changes, which the digest covers`] : [])].join('\n');
}

function isChange(value: JsonValue): value is JsonValue & PlannedChange {
  return typeof value === 'object' && value !== null && 'verb' in value && 'subject' in value && typeof value['subject'] === 'string';
}

/** What is put aside, and what was and is so no more. */
export function holds({ holds: open, released }: RunReport): Html {
  const openRows = open.map(({ subject, step, heldAt, releaseWhen }) => [subject, html`<a href="#${anchorOf(step)}">${step}</a>`, heldAt, releaseWhen]);
  const doneRows = released.map(({ hold, heldAt, releasedAt, releasedBy }) => [hold.subject, heldAt, `${releasedAt ?? '?'} by ${releasedBy ?? '?'}`]);
  return html`<h3>Open</h3>${open.length === 0 ? html`<p>Nothing is put aside.</p>` : table(['What', 'By step', 'Since', 'May be released when'], openRows)}
<h3>Released</h3>${released.length === 0 ? html`<p>Nothing was released.</p>` : table(['What', 'Since', 'Released'], doneRows)}`;
}

/** What was automatic, what needs or needed a person, what is lost. */
export function accounts({ automatic, steps, people, lost }: RunReport): Html {
  const open = people.filter(({ state }) => state === 'open').map(({ what, who }) => `${what}${who === undefined ? '' : ` (${who})`}`);
  const losses = lost.map(({ what, why, minutes }) => html`<b>${what}</b>: ${why}${minutes === undefined ? '' : `; the run began ${minutes} min later`}`);
  return html`<h3>Lost</h3>${list(losses, 'Nothing is known to be lost.')}
<h3>Still to be done by a person</h3>${list(open, 'Nothing.')}
<h3>Automatic</h3><p>${automatic.length} of ${steps.length} steps: ${automatic.join(', ')}</p>`;
}

/** Which processes wrote the journal, and what it rests on. */
export function record({ owners, journal, location, steps }: RunReport): Html {
  const rows = owners.map(({ at, until, user, host, pid, tool, purpose, ownerGone, tookOver }) => [
    `${at} to ${clockTime(until)}`,
    `${user} on ${host}, process ${pid}`,
    `${purpose === 'run' ? 'ran steps' : 'released holds'}${notes(ownerGone, tookOver)}`,
    tool,
  ]);
  const files = steps.flatMap(({ id, logs }) =>
    logs.map(({ name, digest, lines }) => [html`<code>${name}</code>`, id, lines, html`<code class="digest">${digest}</code>`]),
  );
  return html`${facts([
    ['Lines that count', journal.lines],
    ['Digest of the last line', html`<code class="digest">${journal.end}</code>`],
    ['Digest of the plan and steps fixed at the start', html`<code class="digest">${journal.frozen ?? 'none'}</code>`],
    ['Lines of owners that had been replaced', journal.fencedLines],
    ['Bytes cut from unfinished lines', journal.cutBytes],
    [
      'Store away',
      list(
        journal.stalls.map(({ at, forMs }) => `${at}, for ${formatDuration(forMs)}`),
        'never',
      ),
    ],
    ['State store', location],
  ])}
${changed(journal)}
<h3>Owners</h3>${table(['When', 'Who', 'What', 'Version'], rows)}
<h3>Evidence files</h3>${files.length === 0 ? html`<p>No step wrote one.</p>` : table(['File', 'Step', 'Lines', 'Digest'], files)}`;
}

function changed({ changed: list }: RunReport['journal']): Html | undefined {
  if (list.length === 0) return undefined;
  const rows = list.map(({ at, by, changes, number, frozen }) => [
    at,
    by,
    changes.map((change) => html`${change}<br>`),
    html`run-${number}.json, <code class="digest">${frozen}</code>`,
  ]);
  return html`<h3>Another plan, runbook or commit</h3>${table(['Since', 'By', 'What differs', 'File and digest'], rows)}`;
}

function notes(ownerGone: string | undefined, tookOver: string | undefined): string {
  return [
    ...(ownerGone === undefined ? [] : [`; the owner before was gone: ${ownerGone}`]),
    ...(tookOver === undefined ? [] : [`; taken over: ${tookOver}`]),
  ].join('');
}
