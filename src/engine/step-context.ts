import { DrError } from '../errors/dr-error.ts';
import type { StepId } from '../model/ids.ts';
import { EffectRunner } from './effects.ts';
import type { EvidenceSpool } from './evidence-spool.ts';
import { keepFile, keptFiles } from './kept-files.ts';
import type { ProgressThrottle } from './progress-throttle.ts';
import { type RunScope, recordOf } from './run-scope.ts';
import { openHolds } from './run-state.ts';
import type { EffectDeclaration, ReadContext, StepContext } from './step.ts';

export interface ContextParts<P> {
  readonly scope: RunScope<P>;
  readonly step: StepId;
  /** Already parsed by the kind's schema. */
  readonly with: unknown;
  readonly signal: AbortSignal;
}

export interface WriteParts {
  readonly effects: readonly EffectDeclaration[];
  readonly spool: EvidenceSpool;
  readonly progress: ProgressThrottle;
}

/** Makes what `observe` and `plan` receive. */
export function readContext<P>({ scope, step, with: input, signal }: ContextParts<P>): ReadContext<unknown, P> {
  const { id, cluster, mode, startedAt } = scope.frozen;
  const { ports, clock } = scope.env;
  return {
    step,
    run: { id, cluster, mode, startedAt, predecessors: scope.predecessors },
    with: input,
    ports,
    clock,
    signal,
    get attestations() {
      return recordOf(scope, step).attestations;
    },
    get accepted() {
      return scope.journal.state.accepted;
    },
    files: keptFiles(scope, step),
  };
}

/** Makes what `execute` and `verify` receive. */
export function stepContext<P>(parts: ContextParts<P>, write: WriteParts): StepContext<unknown, P> {
  const { scope, step, signal } = parts;
  const { journal } = scope;
  const effects = new EffectRunner({ scope, step, declared: write.effects, signal });
  const methods: Pick<StepContext<unknown, P>, 'evidence' | 'keep' | 'progress' | 'effect' | 'hold' | 'holds' | 'released'> = {
    evidence: write.spool,
    keep: async (name, content) => await keepFile(scope, { step, name, content }),
    progress: (progress) => write.progress.report(progress),
    effect: (effect) => effects.run(effect),
    hold: async (hold) => {
      if (openHolds(journal.state).some((held) => held.id === hold.id)) return;
      await journal.append({ type: 'held', step, hold });
      scope.emit({ type: 'hold', hold, state: 'held' });
    },
    holds: () => openHolds(journal.state),
    released: async (id) => {
      const hold = openHolds(journal.state).find((held) => held.id === id);
      if (hold === undefined) throw new DrError({ code: 'BUG', message: `step '${step}' releases '${id}', which is not held` });
      await journal.append({ type: 'released', hold: id, by: step });
      scope.emit({ type: 'hold', hold, state: 'released' });
    },
  };
  return Object.assign(readContext(parts), methods);
}
