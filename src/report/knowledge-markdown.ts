import type { RunKnowledge } from '../operations/report-knowledge.ts';

type Compared = Exclude<NonNullable<RunKnowledge['baseline']>, { readonly missing: string }>;

/** Sections of a report about what was known before and what was saved: title and Markdown each. */
export function knowledgeSections({ baseline, salvage, integrity }: RunKnowledge): readonly (readonly [string, string])[] {
  return [
    ...(baseline === undefined ? [] : [['Compared with the baseline', baselineText(baseline)] as const]),
    ...(salvage === undefined ? [] : [['Salvaged from the old cluster', salvageText(salvage)] as const]),
    ...(integrity === undefined ? [] : [['Specs compared before anything was destroyed', integrityText(integrity)] as const]),
  ];
}

/** One line for the end of a run: how the recovered cluster compares with its baseline. */
export function baselineLine({ baseline }: RunKnowledge): string {
  if (baseline === undefined) return '';
  if ('missing' in baseline) return `baseline: not compared, ${baseline.missing}\n`;
  const equal = Object.values(baseline.equal).reduce((sum, count) => sum + count, 0);
  return `baseline of ${baseline.takenAt}: ${equal} things are as they were, ${baseline.differsCount} are not, ${baseline.expectedCount} differ as expected\n`;
}

function baselineText(baseline: NonNullable<RunKnowledge['baseline']>): string {
  if ('missing' in baseline) return `not compared: ${baseline.missing}\n`;
  const equal = Object.entries(baseline.equal).map(([section, count]) => `${count} ${section}`);
  return [
    `Baseline of ${baseline.takenAt} (${baseline.name}). As they were: ${equal.join(', ')}.\n`,
    list('Not as it was', baseline.differs, baseline.differsCount),
    list('Differs as expected after a rebuild', baseline.expected, baseline.expectedCount),
    ...(baseline.findings ?? []).map((finding) => `- not known: ${finding}\n`),
  ].join('\n');
}

function list(title: string, differences: Compared['differs'], count: number): string {
  if (count === 0) return `${title}: nothing\n`;
  const lines = differences.map(({ what, before, now }) => `- ${what}: ${before ?? 'not there'} -> ${now ?? 'not there'}\n`);
  const more = count > differences.length ? [`- and ${count - differences.length} more\n`] : [];
  return `${title} (${count}):\n\n${[...lines, ...more].join('')}`;
}

function salvageText({ server, folder, files, findings }: NonNullable<RunKnowledge['salvage']>): string {
  const head = server === undefined ? 'The old cluster gave nothing.' : `The old cluster answered at ${server}.`;
  const kept = files.map(({ name, objects, digest }) => `- ${folder}/${name}: ${objects} objects, ${digest}\n`);
  const open = findings.map((finding) => `- not salvaged: ${finding}\n`);
  return `${head}\n\n${[...kept, ...open].join('')}`;
}

function integrityText({ sides, compared, differences, folder, hasPatch, edits, byHand, findings }: NonNullable<RunKnowledge['integrity']>): string {
  const head = `${compared} objects of ${sides.join(', ')}: ${differences === 0 ? 'no differences' : `${differences} fields differ; all of them are in ${folder}`}.`;
  return `${head}\n\n${[
    ...edits.map((edit) => `- applied otherwise than git says: ${edit}\n`),
    ...(hasPatch ? [`- git has to be told: \`git apply\` the patch in ${folder}\n`] : []),
    ...byHand.map((text) => `- git has to be told by hand: ${text}\n`),
    ...findings.map((finding) => `- not compared: ${finding}\n`),
  ].join('')}`;
}
