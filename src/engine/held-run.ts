import type { RunId } from '../model/ids.ts';
import type { LogSegment, RunLog } from '../ports/run-store.ts';
import type { Claim } from './claim-file.ts';
import { type JournalText, readJournal } from './journal-chain.ts';
import { hasLines, lastOwner, type OwnerTag, writeTag } from './owner-tag.ts';
import type { OwnerEnvironment } from './run-options.ts';
import { foldJournal, type RunState } from './run-state.ts';

/** A run's journal as it was read, with its owner. */
export interface HeldRun {
  readonly run: RunId;
  readonly segments: readonly LogSegment[];
  readonly journal: JournalText;
  readonly state: RunState;
  /** Of the last segment. */
  readonly tag: OwnerTag | undefined;
}

/** A run's journal as its owner-to-be has read it just now. Its state is handed over: the journal goes on with it. */
export type KnownJournal = Pick<HeldRun, 'segments' | 'journal' | 'state'>;

/** A segment that is ours, and the journal before it: nothing can be added to that any more. */
export interface OpenedSegment {
  readonly log: RunLog;
  readonly tag: OwnerTag;
  readonly before: HeldRun;
}

export interface OpenOptions {
  /** The journal on which it was decided that the run may be taken. */
  readonly judged: HeldRun;
  /** Claim under which we write. */
  readonly claim: number;
  /** Why it is taken from an owner that may still live. */
  readonly takeOver?: string | undefined;
}

/**
 * Reads a run that holds a cluster, or held it. What was `known` of it is taken over when the store still says the same: a journal of thousands of steps takes
 * longer to verify and to fold than to read. Throws `JOURNAL_BROKEN`, `STORE_FAILED`.
 */
export async function readHeld({ store }: OwnerEnvironment, run: RunId, known?: KnownJournal): Promise<HeldRun> {
  const segments = await store.readLog(run);
  if (known === undefined || !isSameLog(known.segments, segments)) return heldRun(run, segments);
  return { run, segments: known.segments, journal: known.journal, state: known.state, tag: lastOwner(run, segments) };
}

function isSameLog(a: readonly LogSegment[], b: readonly LogSegment[]): boolean {
  return a.length === b.length && a.every(({ owner, text }, index) => owner === b[index]?.owner && text === b[index].text);
}

/** Whether the run that holds a claim has a final line, written under that very claim: an owner that has only just opened its segment has none yet. */
export function isFinal({ segments, state, tag }: HeldRun, claim: Claim): boolean {
  if (tag?.claim !== claim.number || !hasLines(segments.at(-1))) return false;
  return state.status === 'ended' || state.status === 'superseded';
}

/**
 * Opens the next segment of a run's journal and so fences whoever wrote the ones before; `undefined` when another process was faster. An owner that lives
 * may have added lines between our look and our opening, and those that were acknowledged to it count. So the journal is read again behind the fence: in a
 * folder an owner looks for a successor's segment after each sync, so either it sees ours or we see its lines; in S3 a line behind our opener has no number.
 */
export async function openSegment(env: OwnerEnvironment, { judged, claim, takeOver }: OpenOptions): Promise<OpenedSegment | undefined> {
  const { run, segments } = judged;
  const tag: OwnerTag = { nonce: env.random.hex(8), claim, owner: env.owner, ...(takeOver === undefined ? {} : { takeOver }) };
  const log = await env.store.openLog(run, writeTag(tag), segments.length);
  if (log === undefined) return undefined;
  try {
    return { log, tag, before: segments.length === 0 ? judged : await readAgain(env, judged) };
  } catch (error) {
    await log[Symbol.asyncDispose]();
    throw error;
  }
}

async function readAgain({ store }: OwnerEnvironment, judged: HeldRun): Promise<HeldRun> {
  const segments = (await store.readLog(judged.run)).slice(0, judged.segments.length);
  return isSameLog(judged.segments, segments) ? judged : heldRun(judged.run, segments);
}

function heldRun(run: RunId, segments: readonly LogSegment[]): HeldRun {
  const journal = readJournal(run, segments);
  return { run, segments, journal, state: foldJournal(journal.entries), tag: lastOwner(run, segments) };
}
