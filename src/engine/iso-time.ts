let lastMs = Number.NaN;
let lastText = '';

/** A time as ISO 8601, UTC, from milliseconds since the epoch. Lines and events come many to a millisecond, so the last text is kept. */
export function isoTime(ms: number): string {
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
}
