import type { StoredRun } from '../engine/run-files.ts';
import type { StepId } from '../model/ids.ts';

/** A safety step that a person overrode: the run went on, and what the step proves is not proven. */
export interface UnprovenItem {
  readonly step: StepId;
  readonly by: string;
  readonly at: string;
  readonly reason: string;
}

/** What a run did not prove because a person overrode it, in the order of the graph. Pure. */
export function unprovenIn({ frozen, state }: StoredRun): readonly UnprovenItem[] {
  return frozen.graph.nodes.flatMap(({ id: step }) => {
    const record = state.steps.get(step);
    if (record?.skip?.override !== true || record.verified) return [];
    const { by, at, reason } = record.skip;
    return [{ step, by, at, reason }];
  });
}
