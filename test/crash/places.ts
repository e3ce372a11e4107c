import { choose } from '../support/seeded.ts';

/** Steps that a rebuild comes by, in order, with what they write to the journal besides their end. Every one is met in every run, resumed or not. */
const STEPS: readonly (readonly [step: string, ...lines: readonly string[]])[] = [
  ['lock', 'step-started|lock'],
  ['preflight'],
  ['sources', 'step-started|sources'],
  ['confirm'],
  ['fence-writes'],
  ['fence'],
  ['retire', 'step-started|retire', ...effect('retire', 'mark-unpivoted'), ...effect('retire', 'delete-latticecluster')],
  ['provision', 'step-started|provision'],
  ['ready'],
  ['gitops'],
  ['secrets', 'step-started|secrets'],
  ['repository-key'],
  ['backups', 'step-started|backups', 'held|backups|backup-location'],
  ['volumes', 'step-started|volumes', 'held|volumes|reclaim-policy'],
  ['specs', 'step-started|specs', 'held|specs|dns-provider', 'held|specs|backup-schedule'],
  ['gitops-again'],
  ['verify-health', 'step-started|verify-health'],
  ['cutover', 'step-started|cutover', ...effect('cutover', 'move-record')],
  ['verify-names', 'step-started|verify-names'],
  ['unlock', 'step-started|unlock', ...effect('unlock', 'delete-lease')],
];

/**
 * After these outcomes the run is killed always: whoever was killed just before them finds the effect done in the world, and never writes the line. So a run
 * that is killed everywhere in turn does not come by.
 */
const ONLY_UNDISTURBED = ['after|effect-done|retire|delete-latticecluster', 'after|effect-done|cutover|move-record'] as const;

function effect(step: string, name: string): readonly string[] {
  return [`effect-intent|${step}|${name}`, `effect-done|${step}|${name}`];
}

/** Places to stop at: before and after every line, so also between an effect and the line that tells of it. */
export function places(): readonly string[] {
  const lines = STEPS.flatMap(([step, ...own]) => [...own, `step-succeeded|${step}`]);
  return lines.flatMap((line) => [`before|${line}`, `after|${line}`]);
}

/** Cancelling is of use only while something is left to do. */
function cancellable(): readonly string[] {
  return places().filter((place) => !place.includes('|unlock') && place !== 'after|step-succeeded|verify-names');
}

/** Whether a place is come by again after every resume; the others are written once in a run. */
const recurs = (place: string): boolean => place.includes('|step-succeeded|');
const stepAt = (place: string): string => place.split('|')[2] ?? '';

/**
 * So many places to kill at, `ONLY_UNDISTURBED` among them. Of an effect with such a place, the line itself is not chosen besides: after a kill before it, it
 * is not come by.
 */
export function chooseKills(count: number, random: () => number): readonly string[] {
  const fixed: readonly string[] = ONLY_UNDISTURBED;
  const others = places().filter((place) => !fixed.includes(place) && !fixed.includes(place.replace('before|', 'after|')));
  const chosen = new Set([...fixed, ...choose(others, count - fixed.length, random)]);
  return places().filter((place) => chosen.has(place));
}

/**
 * Places to interrupt at. A process that is asked to end still writes the line or two it is at, which are then not come by again: so of the lines that are
 * written once, at most one of a step is chosen, and none of a step that is killed at such a line.
 */
export function chooseInterrupts(count: number, kills: readonly string[], random: () => number): readonly string[] {
  const taken = new Set(kills.filter((place) => !recurs(place)).map(stepAt));
  const candidates = cancellable().filter((place) => !kills.includes(place));
  const chosen: string[] = [];
  while (chosen.length < count) {
    const [place = ''] = choose(
      candidates.filter((one) => !chosen.includes(one) && (recurs(one) || !taken.has(stepAt(one)))),
      1,
      random,
    );
    chosen.push(place);
    if (!recurs(place)) taken.add(stepAt(place));
  }
  return chosen;
}
