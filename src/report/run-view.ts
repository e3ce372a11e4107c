import type { RunEventSink } from '../engine/events.ts';

/** Writes text as it is; the caller adds line ends. Must not throw. */
export type Write = (text: string) => void;

/** Shows a run while it goes on. Nothing in a view can delay or stop a run. */
export interface RunView {
  readonly onEvent: RunEventSink;
  /** Leaves the terminal to somebody else, such as a question to a person, until `resume`. */
  pause(): void;
  resume(): void;
  /** Draws the last state and lets go of the terminal. Resolves when that is done. */
  close(): Promise<void>;
}
