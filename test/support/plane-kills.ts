import type { CliEnd } from './cli.ts';
import { type PlaneWorld, runOf } from './plane-world.ts';

/** A command, and what a person has decided: given to it, and to every command that resumes its run. */
export interface DecidedCommand {
  readonly args: readonly string[];
  readonly decisions: readonly string[];
  /** Whether the run is left as the last kill has left it. */
  readonly staysDead?: true;
}

/** What became of a run that was killed again and again. */
export interface Killed {
  readonly run: string;
  /** Places of the journal that it was killed at, in their order. */
  readonly places: readonly string[];
  /** The last command. */
  readonly last: CliEnd;
}

/** Where a run is killed around an effect: with its intent on disk and nothing done; and once it is done, which nobody was told. */
export function sidesOf(effects: Iterable<string>): readonly string[] {
  return [...effects].flatMap((effect) => [`after|effect-intent|${effect}`, `before|effect-done|${effect}`]);
}

/** Kills a run at each of some places, resumes it each time, and, unless it stays dead, lets it go on to its end after the last. */
export async function killedAtEach(world: PlaneWorld, wanted: Iterable<string>, { args: first, decisions, staysDead }: DecidedCommand): Promise<Killed> {
  const left = new Set(wanted);
  const places: string[] = [];
  let args = first;
  for (;;) {
    const { place, end } = await world.killedAtOneOf(left, [...args, ...decisions]);
    const run = runOf(end);
    if (place === '') return { run, places, last: end };
    left.delete(place);
    places.push(place);
    if (left.size === 0 && staysDead === true) return { run, places, last: end };
    args = ['resume', run];
  }
}
