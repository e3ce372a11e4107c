import { z } from 'zod';
import { DrError } from '../errors/dr-error.ts';
import type { RunId } from '../model/ids.ts';
import type { LogSegment } from '../ports/run-store.ts';
import { ownerSchema } from './journal-entries.ts';

const tagSchema = z.object({
  /** Tells two ownerships of one process apart. */
  nonce: z.string(),
  /** The claim under which this owner writes. */
  claim: z.int().positive(),
  owner: ownerSchema,
  /** Why the run was taken from an owner that might still live. */
  takeOver: z.string().exactOptional(),
});

/** Says whose a journal segment is. It is stored in the same act that opens the segment, so there is no moment at which a living owner is unknown. */
export type OwnerTag = z.infer<typeof tagSchema>;

/** The tag as the store keeps it. */
export function writeTag(tag: OwnerTag): string {
  return JSON.stringify(tag);
}

/** Owner of the last segment, or `undefined` when nobody has opened one. Throws `JOURNAL_BROKEN` for a tag that cannot be read. */
export function lastOwner(run: RunId, segments: readonly LogSegment[]): OwnerTag | undefined {
  return segments.length === 0 ? undefined : ownerOf(run, segments, segments.length);
}

/** Owner of a segment, counted from 1. Throws `JOURNAL_BROKEN` for a tag that cannot be read. */
export function ownerOf(run: RunId, segments: readonly LogSegment[], number: number): OwnerTag {
  try {
    return tagSchema.parse(JSON.parse(segments[number - 1]?.owner ?? ''));
  } catch (error) {
    throw new DrError({
      code: 'JOURNAL_BROKEN',
      message: `journal of run '${run}', segment ${number}: its owner cannot be read`,
      suggestions: ['look whether a process still runs it before anything else is done'],
      cause: error,
    });
  }
}

/** Says whether an owner has written a whole line; one that has not has done nothing else either. */
export function hasLines(segment: LogSegment | undefined): boolean {
  return segment?.text.includes('\n') === true;
}
