import { type RunScope, recordOf } from './run-scope.ts';

/** Journals the steps that this owner's command leaves out, and those it overrides; what an earlier owner has left out stands without being said again. */
export async function journalSkips<P>(scope: RunScope<P>): Promise<void> {
  const { decisions, owner } = scope.env;
  const { skip = {}, overrideSafety = {} } = decisions;
  for (const { id: step } of scope.frozen.graph.nodes) {
    const reason = skip[step] ?? overrideSafety[step];
    const standing = recordOf(scope, step).skip;
    if (standing?.override === true) scope.operator.noteOverride(step, 'standing');
    if (reason === undefined || standing !== undefined) continue;
    const override = Object.hasOwn(overrideSafety, step);
    if (override) scope.operator.noteOverride(step, 'new');
    await scope.journal.append({ type: 'skip-decided', step, by: owner.user, how: 'flag', reason, ...(override ? { override } : {}) });
  }
}
