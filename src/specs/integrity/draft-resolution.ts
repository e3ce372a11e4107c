import type { Resolution } from '../../model/resolution.ts';
import { NEVER_BY_DEFAULT } from '../../model/risk-class.ts';
import type { Comparison } from './compare.ts';
import type { FieldDifference, Side } from './compare-fields.ts';

/** What was compared, for the head of the file. */
export interface DraftOrigin {
  readonly cluster: string;
  readonly commit: string;
  readonly backup?: string;
}

type Entry = Resolution['objects'][number]['fields'][number];

/**
 * Drafts a decision for every difference: what ran last where that cannot bring in code or rights, else git. The values of all sides are written beside it, so
 * that a person sees what is chosen between, and a rebuild later applies what was seen. Pure.
 */
export function draftResolution(comparison: Comparison, origin: DraftOrigin): Resolution {
  return {
    ...origin,
    sides: [...comparison.sides],
    objects: comparison.objects.map(({ key, on, fields }) => ({
      object: key,
      fields: fields.map((field) => entryOf(field, { on, isSecret: key.startsWith('Secret ') })),
    })),
  };
}

function entryOf(field: FieldDifference, owner: { readonly on: readonly Side[]; readonly isSecret: boolean }): Entry {
  const { path, risk, values } = field;
  return { path, risk, ...values, ...choice(field, owner) };
}

function choice(
  { path, risk, values }: FieldDifference,
  { on, isSecret }: { readonly on: readonly Side[]; readonly isSecret: boolean },
): Pick<Entry, 'take' | 'reason'> {
  if (isSecret) return { take: 'git', reason: 'secrets come from the sources of the plan, never from a comparison' };
  if (path === '' && values.git !== undefined) return { take: 'git', reason: 'git has it: it is made again' };
  if (NEVER_BY_DEFAULT.has(risk)) return { take: 'git', reason: `class ${risk} is never taken from a backup or a cluster by itself: a person has to say so` };
  const ran = (['live', 'backup'] as const).find((side) => on.includes(side));
  if (ran === undefined) return { take: 'git', reason: 'only git has it' };
  return { take: ran, reason: ran === 'live' ? 'it runs so, and git was not told' : 'it ran so when the backup was taken, and git was not told' };
}
