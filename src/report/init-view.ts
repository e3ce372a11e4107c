import type { DraftedPlan } from '../operations/init.ts';

/** Where a drafted plan was written, and the command that checks it, as it can be typed. */
export interface WrittenPlan {
  readonly file: string;
  readonly next: string;
}

/** Writes for people what `init` has written, what it could not find out, and what is left to them. */
export function initView({ open, findings }: DraftedPlan, { file, next }: WrittenPlan): string {
  const unknown = findings.map((finding) => `not known: ${finding}\n`).join('');
  const left = open.map(({ line, what }) => `  ${file}:${line}: ${what}\n`).join('');
  return `plan: ${file}\n${unknown}${open.length === 0 ? 'nothing is left to decide\n' : `to be decided by a person:\n${left}`}next: ${next}\n`;
}
