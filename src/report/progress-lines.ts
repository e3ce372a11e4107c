import type { StepProgress } from '../engine/step.ts';
import { progressText } from './event-line.ts';
import type { Write } from './run-view.ts';
import { oneLine } from './text-table.ts';

/** Figures alone are told at most this often. */
const EVERY_MS = 1_000;

export interface ProgressLinesOptions {
  readonly write: Write;
  /** Milliseconds of a clock that only goes on. */
  readonly now: () => number;
}

/** Tells how far something is, one line each: at once when it says something new, at most once a second when only figures change. */
export function createProgressLines({ write, now }: ProgressLinesOptions): (progress: StepProgress) => void {
  let last = { message: '', text: '', at: Number.NEGATIVE_INFINITY };
  return (progress) => {
    const text = progressText(progress);
    const isNews = progress.message !== last.message || (text !== last.text && now() - last.at >= EVERY_MS);
    if (!isNews) return;
    last = { message: progress.message, text, at: now() };
    write(`${oneLine(text)}\n`);
  };
}
