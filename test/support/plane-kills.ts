import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CliEnd } from './cli.ts';
import { eventually } from './lab-nodes.ts';
import { type PlaneWorld, runOf } from './plane-world.ts';

const SOON = 180_000;

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

/** Where a command is held still, and by which arguments it is started. */
interface HeldCommand {
  readonly place: string;
  readonly args: readonly string[];
}

/** Holds a command still at a place of its journal while somebody looks, and lets it go on to its end: much quicker than to kill and resume it. */
export async function heldAt(world: PlaneWorld, { place, args }: HeldCommand, look: () => Promise<void>): Promise<CliEnd> {
  const log = join(world.folder, 'stopped-at');
  await writeFile(log, '');
  const env = { STOP_AT: JSON.stringify({ [place]: 'SIGSTOP' }), STOP_LOG: log };
  const running = world.startWith({ preload: join(import.meta.dirname, 'stop-at.ts'), env }, ...args);
  try {
    await eventually(async () => (await readFile(log, 'utf8')) === place, SOON, `it comes by ${place}`);
    await look();
  } finally {
    running.child.kill('SIGCONT');
  }
  return await running.ended;
}
