import type { PlanIntegrity } from '../../model/plan/integrity.ts';
import type { Comparison, ObjectDifference } from './compare.ts';
import type { FieldDifference } from './compare-fields.ts';

/** What the plan's thresholds make of one field. */
export type Weight = 'block' | 'warn' | 'show';

/** A difference with its weight, and whether a resolution decides it. */
export interface Judged {
  readonly object: ObjectDifference;
  readonly field: FieldDifference;
  readonly weight: Weight;
  readonly decided: boolean;
}

/** What a comparison means for a recovery. */
export interface Judgement {
  readonly fields: readonly Judged[];
  /** Undecided fields that block. */
  readonly blocking: number;
  /** Undecided fields that warn. */
  readonly warnings: number;
  /** Whether a person has to agree before anything is destroyed. */
  readonly needsApproval: boolean;
}

/** Weighs every difference by the plan's thresholds. `isDecided` says whether a resolution says what to do with a field. Pure. */
export function judge(
  comparison: Comparison,
  thresholds: PlanIntegrity,
  isDecided: (object: ObjectDifference, field: FieldDifference) => boolean = () => false,
): Judgement {
  const weightOf = ({ risk }: FieldDifference): Weight => (thresholds.block.includes(risk) ? 'block' : thresholds.warn.includes(risk) ? 'warn' : 'show');
  const fields = comparison.objects.flatMap((object) =>
    object.fields.map((field) => ({ object, field, weight: weightOf(field), decided: isDecided(object, field) })),
  );
  const count = (weight: Weight): number => fields.filter((item) => item.weight === weight && !item.decided).length;
  const [blocking, warnings] = [count('block'), count('warn')];
  return { fields, blocking, warnings, needsApproval: blocking > 0 || warnings > (thresholds.maxWarnings ?? Number.POSITIVE_INFINITY) };
}
