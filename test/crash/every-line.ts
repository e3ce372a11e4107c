import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CliEnd } from '../support/cli.ts';
import type { RebuildWorld } from '../support/rebuild-world.ts';

const PRELOAD = join(import.meta.dirname, '..', 'support', 'stop-at-every-line.ts');

/** A run that was killed again and again. */
export interface Ratchet {
  /** Places that it was killed at, in order: `before|step-succeeded|lock`. Lines that were written together share a kill. */
  readonly places: readonly string[];
  /** How the process ended that came to an end. */
  readonly last: CliEnd;
  /** How long each process lived, in milliseconds, the last one included. */
  readonly lives: readonly number[];
}

/** What a person would answer on the way, as flags. */
export function decisionsOf(world: RebuildWorld): readonly string[] {
  return ['--confirm', world.cluster, '--attest', 'fence-writes=the lab has ended every process', '--approve', 'cutover'];
}

/**
 * Rebuilds a destroyed cluster, and kills the program at the first line of its journal that it was not killed at yet, before and after it is written;
 * resumes, and so on, until a process comes to its end by itself.
 */
export async function rebuildKilledEverywhere(world: RebuildWorld): Promise<Ratchet> {
  const log = join(world.directory, 'killed-at');
  await writeFile(log, '');
  const lives: number[] = [];
  for (let verb = 'rebuild'; ; verb = 'resume') {
    const from = performance.now();
    const last = await world.start([verb, ...decisionsOf(world)], { preload: PRELOAD, env: { STOP_LOG: log } }).ended;
    lives.push(performance.now() - from);
    if (last.signal === null) return { places: (await readFile(log, 'utf8')).trimEnd().split('\n'), last, lives };
  }
}
