import type { Picture } from './picture.ts';

/** What to do. `split-brain`: nothing, before a person has chosen a side. */
export type Verdict = 'repair' | 'restore-etcd' | 'rebuild' | 'leave-alone' | 'split-brain';

/** What a rule says when it fits. */
export interface Judgement {
  readonly verdict: Verdict;
  /** The next thing to do, in one sentence. */
  readonly action: string;
  /** What it rests on, a line each, the strongest first. */
  readonly evidence: readonly string[];
  /** How long it takes, from and to, in minutes. */
  readonly minutes: readonly [number, number];
  /** What state is brought back: that of a node's member, or the snapshot. Absent when nothing is brought back. */
  readonly source?: { readonly node: string } | { readonly snapshot: string };
}

/** One row of the decision table. */
export interface DiagnosisRule {
  readonly id: string;
  /** What is observed, in words. */
  readonly about: string;
  /** What the rule rests on, outside of this program. */
  readonly source: string;
  readonly judge: (picture: Picture) => Judgement | undefined;
}
