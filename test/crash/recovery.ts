import type { JournalEntry } from '../../src/engine/journal-entries.ts';
import { compareTestimonies } from '../../src/lab/demo/compare.ts';
import type { Testimony } from '../../src/lab/demo/witness.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { HoldList } from '../../src/operations/holds.ts';
import type { CliEnd } from '../support/cli.ts';
import { platformState } from '../support/platform-state.ts';
import type { RebuildWorld } from '../support/rebuild-world.ts';
import { readRunJournal } from '../support/run-journal.ts';
import { describeWrite, writesOf } from '../support/written.ts';
import { destructiveCalls, logPosition } from './destructive-calls.ts';

/** What is left to see after a cluster was lost and a run has brought it back. */
export interface Recovery {
  readonly before: Testimony;
  readonly after: Testimony;
  /** Checks from outside that do not hold: the same bytes by name, another cluster, the old processes dead. */
  readonly broken: readonly unknown[];
  /** Objects by key, without what is held. */
  readonly stateBefore: Readonly<Record<string, JsonObject>>;
  readonly stateAfter: Readonly<Record<string, JsonObject>>;
  /** Ids of what is still held. */
  readonly holds: readonly string[];
  /** What the program deleted or replaced, as the servers tell it. */
  readonly destroyed: readonly string[];
  /** What it wrote: `create latticeclusters small`. */
  readonly writes: { readonly parent: readonly string[]; readonly child: readonly string[] };
}

async function stateOf(world: RebuildWorld): Promise<Readonly<Record<string, JsonObject>>> {
  await using cluster = await world.open();
  const state = await platformState(cluster, AbortSignal.timeout(30_000));
  // A hold keeps these from being what they were.
  return Object.fromEntries(
    Object.entries(state).flatMap(([key, object]) => (/DNSProvider|LatticeClusterBackup|external-dns/.test(key) ? [] : [[key, withoutHeld(object)]])),
  );
}

/** An object without what is held until the release: a service's own backup schedule, and whether a job's schedule runs. */
function withoutHeld(object: JsonObject): JsonObject {
  const { backup, suspend: _suspend, ...spec } = (object['spec'] ?? {}) as JsonObject;
  const { schedule: _schedule, ...rest } = (backup ?? {}) as JsonObject;
  return { ...object, spec: Object.keys(rest).length === 0 ? spec : { ...spec, backup: rest } };
}

/** Loses the world's cluster, lets `recover` bring it back, and looks from outside at what was and what is. */
export async function witnessRecovery<T>(world: RebuildWorld, recover: () => Promise<T>): Promise<{ readonly recovery: Recovery; readonly told: T }> {
  const [before, stateBefore, since] = [await world.testify('before'), await stateOf(world), await logPosition(world)];
  await world.destroy();
  const told = await recover();
  const [after, stateAfter] = [await world.testify('after'), await stateOf(world)];
  const broken = compareTestimonies(before, after).filter(({ holds }) => !holds);
  const { open } = JSON.parse((await world.cli('holds')).stdout) as HoldList;
  const written = async (name: string): Promise<readonly string[]> => (await writesOf((await world.instance(name)).auditLogPath, since.at)).map(describeWrite);
  const writes = { parent: await written(world.lab.parent), child: await written(world.cluster) };
  const recovery = { before, after, broken, stateBefore, stateAfter, writes };
  return { recovery: { ...recovery, holds: open.map(({ hold }) => hold.id), destroyed: await destructiveCalls(world, since) }, told };
}

/** The journal of the run that a command has ended, all owners in one. */
export async function journalOf({ stdout }: CliEnd): Promise<readonly JournalEntry[]> {
  const { run, location } = JSON.parse(stdout) as { readonly run: string; readonly location: string };
  return await readRunJournal(location, run);
}

/** What a failed expectation about a command's end is to show. */
export function told({ stdout, stderr }: CliEnd): string {
  return `${stdout.slice(0, 2_000)}\n${stderr.slice(-2_000)}`;
}

/** How often each item is there. */
export function tally(items: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}
