import { eventLine } from './event-line.ts';
import type { RunView, Write } from './run-view.ts';
import { oneLine } from './text-table.ts';

/** Shows a run as one line an event with its UTC time: for logs, CI and terminals without colour. */
export function createPlainView(write: Write): RunView {
  return {
    onEvent: (event) => {
      const line = eventLine(event);
      if (line !== undefined) write(`${event.at.slice(11, 19)}Z ${oneLine(line)}\n`);
    },
    pause: () => undefined,
    resume: () => undefined,
    close: async () => undefined,
  };
}
