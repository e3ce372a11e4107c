import type { RunScope } from './run-scope.ts';

/** Something that a person takes into account, so that the run goes on in spite of it: what it is, and which one. */
export interface Acceptance {
  /** `pruned`: a field of the specs that the server does not know, and that is left out. */
  readonly what: 'pruned';
  readonly subject: string;
}

/** Journals what this owner's command accepts; what was accepted before stands without being said again. */
export async function journalAcceptances<P>(scope: RunScope<P>): Promise<void> {
  const { decisions, owner } = scope.env;
  for (const { what, subject } of decisions.accept ?? []) {
    const stands = scope.journal.state.accepted.some((accepted) => accepted.what === what && accepted.subject === subject);
    if (!stands) await scope.journal.append({ type: 'accepted', what, subject, by: owner.user, how: 'flag' });
  }
}
