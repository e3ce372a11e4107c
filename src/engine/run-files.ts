import { z } from 'zod';
import { DrError } from '../errors/dr-error.ts';
import { type Digest, digestOf } from '../model/digest.ts';
import { type ClusterName, isClusterName, isRunId, type RunId } from '../model/ids.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../model/json.ts';
import type { LogSegment, RunStore } from '../ports/run-store.ts';
import { lastClaim } from './claim-file.ts';
import type { StepGraph } from './graph-types.ts';
import { type JournalText, readJournal } from './journal-chain.ts';
import { foldJournal, type RunState } from './run-state.ts';

/** Raise when a field of `run.json` changes its meaning. */
const FORMAT = 1;

/** What is fixed when a run starts: `runs/<id>/run.json`; and what a resume has taken over since: `run-2.json` and so on, beside it. */
export interface FrozenRun {
  readonly format: typeof FORMAT;
  readonly id: RunId;
  readonly cluster: ClusterName;
  readonly mode: 'recovery' | 'drill';
  /** Version of the tool that started it. */
  readonly tool: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly graph: StepGraph;
  /** Contract version of each step kind in the graph. */
  readonly contracts: Readonly<Record<string, number>>;
  readonly sources: JsonObject;
}

const frozenSchema = z.object({
  format: z.literal(FORMAT),
  id: z.custom<RunId>((value) => typeof value === 'string' && isRunId(value)),
  cluster: z.custom<ClusterName>((value) => typeof value === 'string' && isClusterName(value)),
  mode: z.enum(['recovery', 'drill']),
  tool: z.string(),
  startedAt: z.iso.datetime(),
  // Its bytes are vouched for by the digest in the journal's first line; here only the outermost shape.
  graph: z.custom<StepGraph>((value) => typeof value === 'object' && value !== null && Array.isArray((value as { nodes?: unknown }).nodes)),
  contracts: z.record(z.string(), z.int().positive()),
  sources: z.custom<JsonObject>((value) => typeof value === 'object' && value !== null),
});

/** A run as stored: what was fixed, what has happened. */
export interface StoredRun {
  /** What the run goes by: `run.json`, or the newest file that the journal says was taken over. */
  readonly frozen: FrozenRun;
  /** Of the bytes of `run.json`, whatever was taken over since. */
  readonly digest: Digest;
  /** Of the bytes of what the run goes by. */
  readonly current: Digest;
  /** What the journal was read from. */
  readonly segments: readonly LogSegment[];
  readonly journal: JournalText;
  readonly state: RunState;
}

/** Writes `run.json` once; a run's id is new, so an existing one is a bug. Gives the digest that the journal's first line vouches for. */
export async function freezeRun(store: RunStore, frozen: FrozenRun): Promise<Digest> {
  const content = bytesOf(frozen);
  if (await store.putIfAbsent(fileKey(frozen.id), content)) return digestOf(content);
  throw new DrError({ code: 'BUG', message: `run '${frozen.id}' exists already` });
}

/** What a run goes by from now on, as it is stored beside what it started with. */
export interface StoredChange {
  readonly number: number;
  readonly digest: Digest;
}

/**
 * Stores what a run is to go by instead, under the first free number from 2 on. It counts once a `changed` line of the journal names it; a number that an
 * owner took who died before that line stays behind unused.
 */
export async function freezeChange(store: RunStore, frozen: FrozenRun): Promise<StoredChange> {
  const content = bytesOf(frozen);
  for (let number = 2; ; number += 1) {
    if (await store.putIfAbsent(fileKey(frozen.id, number), content)) return { number, digest: digestOf(content) };
  }
}

/**
 * Reads a run whole. Throws `RUN_NOT_FOUND`, `RUN_CHANGED` when a file of what is fixed is not the one that the journal vouches for or is gone,
 * `JOURNAL_BROKEN`.
 */
export async function readRun(store: RunStore, run: RunId): Promise<StoredRun> {
  const content = await store.get(fileKey(run));
  if (content === undefined) throw notFound(store, `there is no run '${run}' in '${store.location}'`);
  const segments = await store.readLog(run);
  const journal = readJournal(run, segments);
  const state = foldJournal(journal.entries);
  if (state.frozen !== undefined && state.frozen !== digestOf(content)) throw altered(store, fileKey(run));
  const change = state.changes.at(-1);
  const current = change === undefined ? content : await readVouched(store, { key: fileKey(run, change.number), digest: change.frozen });
  return {
    frozen: parseFrozen(store, current, change === undefined ? fileKey(run) : fileKey(run, change.number)),
    digest: digestOf(content),
    current: digestOf(current),
    segments,
    journal,
    state,
  };
}

async function readVouched(store: RunStore, { key, digest }: { readonly key: string; readonly digest: Digest }): Promise<Uint8Array> {
  const content = await store.get(key);
  if (content === undefined || digestOf(content) !== digest) throw altered(store, key);
  return content;
}

/** What a run was started with, taken as it is: no journal is asked for its digest. `undefined` when there is none. Throws `RUN_CHANGED` for what is no run file. */
export async function readFrozen(store: RunStore, run: RunId): Promise<FrozenRun | undefined> {
  const content = await store.get(fileKey(run));
  return content === undefined ? undefined : parseFrozen(store, content, fileKey(run));
}

/** The run that claimed a cluster last. Throws `RUN_NOT_FOUND`. */
export async function latestRun(store: RunStore, cluster: ClusterName): Promise<RunId> {
  const claim = await lastClaim(store, cluster);
  if (claim === undefined) throw notFound(store, `there is no run of cluster '${cluster}' in '${store.location}'`);
  return claim.run;
}

function fileKey(run: RunId, number = 1): string {
  return number === 1 ? `runs/${run}/run.json` : `runs/${run}/run-${number}.json`;
}

function bytesOf(frozen: FrozenRun): Uint8Array {
  return Buffer.from(`${canonicalJson(frozen as unknown as JsonValue)}\n`);
}

function parseFrozen(store: RunStore, content: Uint8Array, key: string): FrozenRun {
  try {
    return frozenSchema.parse(JSON.parse(Buffer.from(content).toString()));
  } catch (error) {
    throw new DrError({
      code: 'RUN_CHANGED',
      message: `'${key}' in '${store.location}' is not a run file of format ${FORMAT}`,
      suggestions: ['resume it with the version of lattice-dr that started it'],
      cause: error,
    });
  }
}

function altered(store: RunStore, key: string): DrError {
  return new DrError({
    code: 'RUN_CHANGED',
    message: `'${key}' in '${store.location}' is not the file that the journal of its run vouches for: it is gone, or its digest differs`,
    suggestions: ['restore the file from a backup of the state, or start a new run'],
  });
}

function notFound(store: RunStore, message: string): DrError {
  return new DrError({
    code: 'RUN_NOT_FOUND',
    message,
    details: { store: store.location },
    suggestions: ['to list the runs of another state store: lattice-dr status --plan FILE'],
  });
}
