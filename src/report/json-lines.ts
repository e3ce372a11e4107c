import type { RunView, Write } from './run-view.ts';

/** Writes every event of a run as one line of JSON, for programs. */
export function createJsonView(write: Write): RunView {
  return {
    onEvent: (event) => write(`${JSON.stringify(event)}\n`),
    pause: () => undefined,
    resume: () => undefined,
    close: async () => undefined,
  };
}
