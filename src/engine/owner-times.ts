import type { DurationMs } from '../model/duration.ts';
import { ABORT_GRACE_MS } from './deadline.ts';

/** An owner says that it is alive this often, during steps too. */
export const ALIVE_EVERY_MS: DurationMs = 15_000;

/** An owner that has got no line through for this long aborts what it does: it cannot know any more whether the run is still its own. */
export const STALLED_AFTER_MS: DurationMs = 25_000;

/** Nothing is aborted for an append that has waited for less than this, however old the line before it is: one slow answer is not a store that is away. */
export const SHORTEST_STALL_MS: DurationMs = STALLED_AFTER_MS - ALIVE_EVERY_MS;

/** A run that is cancelled while its store is away waits this long for the store to come back, then ends without a final line. */
export const GIVE_UP_AFTER_MS: DurationMs = ABORT_GRACE_MS;

/**
 * How long a newcomer waits after it has fenced an owner that may still live. That owner's last durable line is older than the fence. It appends again at
 * most 15 s after that line, and then either learns that it was replaced or hangs; 10 s later, 25 s after its last line, it aborts what it does in either
 * case; and what does not obey within 10 s more is left behind. So 35 s after the fence nothing begins any more. What was begun and ignores its abort is
 * bounded by its own deadline, which is waited for besides.
 */
export const TAKE_OVER_WAIT_MS: DurationMs = ALIVE_EVERY_MS + SHORTEST_STALL_MS + ABORT_GRACE_MS;
