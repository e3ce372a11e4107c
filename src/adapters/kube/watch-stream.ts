import type { KubeObject } from '../../model/kube-object.ts';

/** One line of a watch. `ERROR` carries a Status. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject & { readonly code?: number; readonly message?: string };
}

/** A whole line of a watch that is not an event: somebody between us and the server alters the stream. */
export class MalformedWatchLine extends Error {
  constructor(line: string, cause: unknown) {
    super(`a line of the watch is not an event: ${line.slice(0, 120)}`, { cause });
  }
}

/**
 * Reads the events of a watch, all that arrived together in one batch. An unfinished last line is dropped with the connection that cut it; a finished
 * line that is no event throws `MalformedWatchLine`.
 */
export async function* readWatch(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly WatchEvent[]> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const end = rest.lastIndexOf('\n');
    if (end === -1) continue;
    const lines = rest.slice(0, end).split('\n');
    rest = rest.slice(end + 1);
    const events = lines.filter((line) => line.trim() !== '').map(parseLine);
    if (events.length > 0) yield events;
  }
}

function parseLine(line: string): WatchEvent {
  try {
    const event = JSON.parse(line) as Partial<WatchEvent> | null;
    if (typeof event?.type !== 'string' || typeof event.object !== 'object') throw new TypeError('no type or object');
    return event as WatchEvent;
  } catch (cause) {
    throw new MalformedWatchLine(line, cause);
  }
}
