import { highestRevision, type Picture } from './picture.ts';
import type { Judgement } from './verdict.ts';

/** What is gone after what is proposed was done. */
export interface Loss {
  /** For people, one sentence. */
  readonly words: string;
  /** Revisions between the newest that any member tells of and the one that comes back; decimal. Absent when nobody can tell. */
  readonly revisions?: string;
  /** Age of what comes back, in milliseconds. */
  readonly ageMs?: number;
  /** Whether that is older than the RPO allows. */
  readonly isBeyondRpo?: boolean;
}

/** Tells what a judgement would cost. */
export function lossOf(picture: Picture, { verdict, source }: Judgement): Loss {
  const { facts } = picture;
  if (verdict === 'split-brain') return { words: 'what one of the two sides took, whichever is kept' };
  if (verdict === 'rebuild') return { words: 'whatever is neither in git nor in a backup of volumes' };
  if (source === undefined) return { words: 'nothing' };
  const highest = highestRevision(picture);
  if ('node' in source) {
    const own = facts.nodes.find(({ name }) => name === source.node)?.member?.revision;
    const revisions = own === undefined || highest === undefined ? undefined : String(highest - BigInt(own));
    return { words: 'what only the members had that do not come back', ...(revisions === undefined ? {} : { revisions }) };
  }
  const { snapshot, now, objectives } = facts;
  if (snapshot === undefined) return { words: 'everything since the snapshot' };
  const ageMs = Math.max(0, now - Date.parse(snapshot.takenAt));
  const behind = highest === undefined || snapshot.revision === undefined ? undefined : highest - BigInt(snapshot.revision);
  return {
    words: `everything since ${snapshot.takenAt}`,
    ageMs,
    isBeyondRpo: ageMs > objectives.rpoMs,
    ...(behind === undefined ? {} : { revisions: String(behind < 0n ? 0n : behind) }),
  };
}
