import type { DraftedPlan } from '../operations/init.ts';

/** Writes for people what `init` has written, what it could not find out, and what is left to them. */
export function initView({ open, findings }: DraftedPlan, file: string): string {
  const unknown = findings.map((finding) => `not known: ${finding}\n`).join('');
  const left = open.map(({ line, what }) => `  ${file}:${line}: ${what}\n`).join('');
  return `plan: ${file}\n${unknown}${open.length === 0 ? 'nothing is left to decide\n' : `to be decided by a person:\n${left}`}next: lattice-dr validate --plan ${file}\n`;
}
