import { genesis } from '../engine/journal-chain.ts';
import type { JournalEntry, SignedRecord } from '../engine/journal-entries.ts';
import type { StoredRun } from '../engine/run-files.ts';
import type { ChangeRecord } from '../engine/run-state.ts';
import type { Digest } from '../model/digest.ts';
import type { DurationMs } from '../model/duration.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonValue } from '../model/json.ts';
import type { Interval } from './intervals.ts';

/** What a person decided, how, and what it was bound to. */
export interface DecisionItem {
  /** Absent for what holds for the whole run. */
  readonly step?: StepId;
  readonly decision: 'accepted' | 'approved' | 'declined' | 'attested' | 'left out' | 'overridden' | 'tried again' | 'stated as not done' | 'stopped';
  readonly by: string;
  readonly at: string;
  /** Where it was given. Absent where the journal does not say. */
  readonly how?: 'terminal' | 'flag' | 'inbox';
  /** Present when it was signed and the signature verified. */
  readonly signed?: SignedRecord;
  /** In the person's words. */
  readonly text?: string;
  /** At a gate: what was asked, and what was shown. */
  readonly asked?: ShownQuestion;
}

/** What was shown at a gate; the decision is bound to its digest. */
export interface ShownQuestion {
  readonly at: string;
  readonly reason: string;
  readonly shown: Digest;
  /** The first of the planned changes. */
  readonly changes: readonly JsonValue[];
  /** How many more were shown than the journal keeps; the digest covers them. */
  readonly omitted: number;
}

/** A process that wrote the journal. */
export interface OwnerItem {
  readonly at: string;
  /** Time of its last line. */
  readonly until: string;
  readonly user: string;
  readonly host: string;
  readonly pid: number;
  readonly tool: string;
  /** `release`: put back what was put aside. */
  readonly purpose: 'run' | 'release';
  /** How a person knew that the owner before was gone, where it could not be told. */
  readonly ownerGone?: string;
  /** Why the run was taken from an owner that may have lived. */
  readonly tookOver?: string;
}

/** What the journal rests on, so that it can be checked by whoever has its text. */
export interface JournalFacts {
  readonly lines: number;
  /** One for each owner. */
  readonly segments: number;
  /** What the first line names as the line before it. */
  readonly start: Digest;
  /** Digest of the last line. Kept elsewhere, it proves later that no line was changed, added or taken away up to there. */
  readonly end: Digest;
  /** Digest of what was fixed at the start, which the first line names. */
  readonly frozen?: Digest;
  /** Lines of an owner that had been replaced already; they count for nothing. */
  readonly fencedLines: number;
  /** Bytes of unfinished lines, cut: of dead owners, each cut journalled, and of the last one. */
  readonly cutBytes: number;
  /** When the store had not answered for long, and what was being done was stopped. */
  readonly stalls: readonly { readonly at: string; readonly forMs: DurationMs }[];
  /** When the run went on with another plan, runbook or commit. */
  readonly changed: readonly ChangeRecord[];
}

/** All decisions of persons in a journal, in order. Pure. */
export function decisionsIn(entries: readonly JournalEntry[]): readonly DecisionItem[] {
  const asked = new Map(entries.flatMap((entry) => (entry.type === 'gate-asked' ? [[`${entry.step} ${entry.shown}`, questionOf(entry)] as const] : [])));
  return entries.flatMap((entry): readonly DecisionItem[] => {
    if (entry.type === 'gate-decided') return [gateDecision(entry, asked.get(`${entry.step} ${entry.shown}`))];
    if (entry.type === 'skip-decided') return [{ ...common(entry), decision: entry.override === true ? 'overridden' : 'left out', text: entry.reason }];
    if (entry.type === 'retry-decided') return [{ ...common(entry), decision: 'tried again' }];
    if (entry.type === 'accepted') return [{ by: entry.by, at: entry.at, how: entry.how, decision: 'accepted', text: `${entry.subject} is ${entry.what}` }];
    if (entry.type !== 'unknown-answered') return [];
    return [{ step: entry.step, by: entry.by, at: entry.at, decision: entry.answer === 'absent' ? 'stated as not done' : 'stopped', text: entry.what }];
  });
}

function questionOf({ at, gate, shown, changes, omitted }: Extract<JournalEntry, { type: 'gate-asked' }>): ShownQuestion {
  return { at, reason: gate.reason, shown, changes, omitted };
}

function gateDecision(entry: Extract<JournalEntry, { type: 'gate-decided' }>, asked: ShownQuestion | undefined): DecisionItem {
  const { decision, text } = entry;
  return { ...common(entry), decision, ...(text === undefined ? {} : { text }), ...(asked === undefined ? {} : { asked }) };
}

function common({ step, by, at, how, signed }: Extract<JournalEntry, { type: 'gate-decided' | 'skip-decided' | 'retry-decided' }>) {
  return { step, by, at, how, ...(signed === undefined ? {} : { signed }) };
}

/** Who wrote the journal, in order. Pure. */
export function ownersIn(entries: readonly JournalEntry[]): readonly OwnerItem[] {
  const starts = entries.flatMap((entry, index) => (entry.type === 'owner' ? [{ entry, index }] : []));
  return starts.map(({ entry, index }, number) => {
    // A repair is written by the owner that follows, before its own line.
    const last = entries.slice(index, starts[number + 1]?.index).findLast(({ type }) => type !== 'repair');
    const { at, tool, purpose, ownerGone, takeOver } = entry;
    const { user, host, pid } = entry.owner;
    return {
      at,
      until: last?.at ?? at,
      user,
      host,
      pid,
      tool,
      purpose,
      ...(ownerGone === undefined ? {} : { ownerGone }),
      ...(takeOver === undefined ? {} : { tookOver: takeOver.reason }),
    };
  });
}

/** While no process ran the run's steps: from the last line of one owner to the first of the next. Pure. */
export function gapsBetween(owners: readonly OwnerItem[]): readonly Interval[] {
  const running = owners.filter(({ purpose }) => purpose === 'run');
  return running.slice(1).map((owner, index) => {
    const to = Date.parse(owner.at);
    return { from: Math.min(to, Date.parse(running[index]?.until ?? owner.at)), to };
  });
}

/** When the steps of the run ended: a later owner that only put things back did not make it longer. */
export function endIn(entries: readonly JournalEntry[]): string | undefined {
  let purpose: OwnerItem['purpose'] = 'run';
  let ended: string | undefined;
  for (const entry of entries) {
    if (entry.type === 'owner') purpose = entry.purpose;
    if (entry.type === 'owner' && purpose === 'run') ended = undefined;
    if (entry.type === 'ended' && (purpose === 'run' || ended === undefined)) ended = entry.at;
  }
  return ended;
}

/** What the journal of a run rests on. Pure. */
export function journalFacts({ frozen, journal, state }: StoredRun): JournalFacts {
  const cut = journal.entries.reduce((sum, entry) => sum + (entry.type === 'repair' ? entry.cutBytes : 0), 0);
  return {
    lines: journal.end.seq,
    segments: journal.segments,
    start: genesis(frozen.id).digest,
    end: journal.end.digest,
    ...(state.frozen === undefined ? {} : { frozen: state.frozen }),
    fencedLines: journal.fencedLines,
    cutBytes: cut + (journal.torn?.bytes ?? 0),
    changed: state.changes,
    stalls: journal.entries.flatMap((entry) => (entry.type === 'stalled' ? [{ at: entry.at, forMs: entry.forMs }] : [])),
  };
}
