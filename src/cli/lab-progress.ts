import type { LabProgress, OnLabProgress } from '../lab/progress.ts';
import { formatDuration } from '../model/duration.ts';

/** A part that says the same thing again and again is shown this often. */
const QUIET_MS = 10_000;

export interface LabProgressOptions {
  readonly json: boolean;
  readonly write: (text: string) => void;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

/** Shows what the lab is doing, one line for each change and every ten seconds while something goes on; JSON lines with `--json`. */
export function createLabProgress({ json, write, now }: LabProgressOptions): OnLabProgress {
  const startedAt = now();
  const shown = new Map<string, { readonly key: string; readonly at: number }>();
  return (event) => {
    if (json) return write(`${JSON.stringify(event)}\n`);
    const key = `${event.state} ${event.note?.split(':')[0] ?? ''}`;
    const last = shown.get(event.part);
    if (last?.key === key && now() - last.at < QUIET_MS) return;
    shown.set(event.part, { key, at: now() });
    write(`${((now() - startedAt) / 1_000).toFixed(1).padStart(7)}s  ${progressLine(event)}\n`);
  };
}

function progressLine({ part, state, elapsedMs, note }: LabProgress): string {
  const took = elapsedMs === undefined ? '' : ` in ${formatDuration(elapsedMs)}`;
  return `${part}: ${state}${took}${note === undefined ? '' : ` (${note})`}`;
}
