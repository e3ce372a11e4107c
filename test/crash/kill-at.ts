import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CliEnd } from '../support/cli.ts';
import type { RebuildWorld } from '../support/rebuild-world.ts';

const PRELOAD = join(import.meta.dirname, '..', 'support', 'stop-at.ts');

/** Runs a command with places of the journal at which it gets a signal, until it ends. `place`: where that was, empty if it came by none of them. */
export async function runStoppedAt(
  world: RebuildWorld,
  stops: ReadonlyMap<string, NodeJS.Signals>,
  { args, plan, log }: { readonly args: readonly string[]; readonly plan?: string; readonly log: string },
): Promise<{ readonly place: string; readonly end: CliEnd }> {
  const path = join(world.directory, log);
  await writeFile(path, '');
  const env = { STOP_AT: JSON.stringify(Object.fromEntries(stops)), STOP_LOG: path };
  const end = await world.start(args, { preload: PRELOAD, env, ...(plan === undefined ? {} : { plan }) }).ended;
  return { place: await readFile(path, 'utf8'), end };
}
