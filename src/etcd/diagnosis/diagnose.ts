import type { ControlPlaneFacts } from './facts.ts';
import { type Loss, lossOf } from './loss.ts';
import { pictureOf } from './picture.ts';
import type { DiagnosisRule, Judgement } from './verdict.ts';
import { RULES_WITH_QUORUM } from './with-quorum.ts';
import { RULES_WITHOUT_QUORUM } from './without-quorum.ts';

/** What to do about a control plane, and what that rests on. */
export interface Diagnosis extends Judgement {
  readonly rule: Pick<DiagnosisRule, 'id' | 'about' | 'source'>;
  /** Whether the longest expected time is within the RTO. */
  readonly isWithinRto: boolean;
  readonly loss: Loss;
}

/** The decision table: the first rule that fits is the verdict. */
export const DIAGNOSIS_RULES: readonly DiagnosisRule[] = [...RULES_WITH_QUORUM, ...RULES_WITHOUT_QUORUM];

const NOTHING_FITS = { id: 'nothing-fits', about: 'no rule fits what was seen', source: 'never make it worse' };

/** Judges a control plane. Pure: the same facts give the same verdict. */
export function diagnose(facts: ControlPlaneFacts, rules: readonly DiagnosisRule[] = DIAGNOSIS_RULES): Diagnosis {
  const picture = pictureOf(facts);
  for (const { id, about, source, judge } of rules) {
    const judgement = judge(picture);
    if (judgement === undefined) continue;
    const isWithinRto = judgement.minutes[1] * 60_000 <= facts.objectives.rtoMs;
    return { ...judgement, rule: { id, about, source }, isWithinRto, loss: lossOf(picture, judgement) };
  }
  const nothing: Judgement = { verdict: 'leave-alone', action: 'find out more before anything is changed', evidence: [], minutes: [0, 0] };
  return { ...nothing, rule: NOTHING_FITS, isWithinRto: true, loss: lossOf(picture, nothing) };
}
