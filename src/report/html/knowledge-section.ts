import type { RunReport } from '../../operations/run-report.ts';
import { type Html, html } from './markup.ts';
import { facts, list, table } from './tables.ts';

type Knowledge = RunReport['knowledge'];

/** What was known from before the disaster, and what the old cluster still gave. */
export function knowledge({ knowledge: { baseline, salvage, integrity } }: RunReport): Html | undefined {
  if (baseline === undefined && salvage === undefined && integrity === undefined) return undefined;
  return html`${baseline === undefined ? undefined : html`<h3>Compared with the baseline</h3>${baselinePart(baseline)}`}
${salvage === undefined ? undefined : html`<h3>Salvaged from the old cluster</h3>${salvagePart(salvage)}`}
${integrity === undefined ? undefined : html`<h3>Specs compared before anything was destroyed</h3>${integrityPart(integrity)}`}`;
}

function baselinePart(baseline: NonNullable<Knowledge['baseline']>): Html {
  if ('missing' in baseline) return html`<p>Not compared: ${baseline.missing}</p>`;
  const { name, takenAt, equal, differs, differsCount, expected, expectedCount, findings = [] } = baseline;
  const rows = (differences: typeof differs): readonly (readonly string[])[] =>
    differences.map(({ what, before, now }) => [what, before ?? 'not there', now ?? 'not there']);
  const heading = ['What', 'Before', 'Now'];
  return html`${facts([
    ['Baseline', `${name}, of ${takenAt}`],
    [
      'As they were',
      Object.entries(equal)
        .map(([section, count]) => `${count} ${section}`)
        .join(', '),
    ],
  ])}
<h4>Not as it was: ${differsCount}</h4>${differs.length === 0 ? undefined : table(heading, rows(differs))}
<details><summary>Differs as expected after a rebuild: ${expectedCount}</summary>${table(heading, rows(expected))}</details>
${findings.length === 0 ? undefined : html`<h4>Not known</h4>${list(findings, '')}`}`;
}

function salvagePart({ server, folder, files, findings }: NonNullable<Knowledge['salvage']>): Html {
  const rows = files.map(({ name, objects, digest }) => [html`<code>${folder}/${name}</code>`, objects, html`<code class="digest">${digest}</code>`]);
  return html`<p>${server === undefined ? 'The old cluster gave nothing.' : `The old cluster answered at ${server}.`}</p>
${files.length === 0 ? undefined : table(['File', 'Objects', 'Digest'], rows)}
${findings.length === 0 ? undefined : html`<h4>Not salvaged</h4>${list(findings, '')}`}`;
}

function integrityPart({ sides, compared, differences, folder, hasPatch, edits, byHand, findings }: NonNullable<Knowledge['integrity']>): Html {
  return html`<p>${compared} objects of ${sides.join(', ')}: ${differences === 0 ? 'no differences' : `${differences} fields differ`}, kept in <code>${folder}</code>.</p>
${edits.length === 0 ? undefined : html`<h4>Applied otherwise than git says</h4>${list(edits, '')}`}
${hasPatch ? html`<p>Git has to be told: <code>git apply</code> the patch in <code>${folder}</code>.</p>` : undefined}
${byHand.length === 0 ? undefined : html`<h4>Git has to be told by hand</h4>${list(byHand, '')}`}
${findings.length === 0 ? undefined : html`<h4>Not compared</h4>${list(findings, '')}`}`;
}
