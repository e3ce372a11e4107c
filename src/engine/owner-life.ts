import type { DurationMs } from '../model/duration.ts';
import type { Clock } from '../ports/clock.ts';
import type { ProcessOwner } from '../ports/processes.ts';
import type { OwnerRecord, RunState } from './run-state.ts';

/** An owner writes a line every 15 s at least; three of them missing means that it no longer can. */
const SILENT_AFTER_MS: DurationMs = 45_000;

/**
 * Who owns a run now, as far as can be told: `living`; `ended`, nobody does and the run has a final line; `gone`, its process on this machine has died; `silent`,
 * a process elsewhere has not said for 45 s that it lives (by the clocks of both machines).
 */
export type OwnerLife = 'living' | 'ended' | 'gone' | 'silent';

export interface LifeTools {
  readonly clock: Clock;
  /** This process. */
  readonly owner: ProcessOwner;
  readonly isAlive: (owner: ProcessOwner) => Promise<boolean>;
}

/** Looks whether somebody owns a run: by the process table on the same machine, else by the age of the last line. Asks no other system. */
export async function lifeOf(state: RunState, { clock, owner: self, isAlive }: LifeTools): Promise<OwnerLife> {
  const last: OwnerRecord | undefined = state.owners.at(-1);
  if (state.status !== 'running' || last === undefined) return 'ended';
  const { owner } = last;
  if (owner.host === self.host && owner.boot === self.boot) return (await isAlive(owner)) ? 'living' : 'gone';
  const age = clock.now() - Date.parse(state.lastAt ?? last.at);
  return age > SILENT_AFTER_MS ? 'silent' : 'living';
}
