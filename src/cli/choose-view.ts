import { createJsonView } from '../report/json-lines.ts';
import { createPlainView } from '../report/plain-lines.ts';
import type { RunView } from '../report/run-view.ts';

/** What decides how a run is shown. */
export interface ViewChoice {
  readonly json: boolean;
  readonly stream: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Shows a tree on a terminal, plain lines in CI, without colour and in logs, JSON lines with `--json`. Everything goes to standard error. */
export async function chooseView({ json, stream, env }: ViewChoice): Promise<RunView> {
  const write = (text: string): void => {
    stream.write(text);
  };
  if (json) return createJsonView(write);
  if (!isLiveTerminal(stream, env)) return createPlainView(write);
  const { createLiveView } = await import('../report/live-view.ts');
  return createLiveView(stream);
}

/** Whether a tree can be drawn: a terminal of known width whose user has not asked for plain output. */
export function isLiveTerminal(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>, env: ViewChoice['env']): boolean {
  const asksForPlain = isSet(env['CI']) || isSet(env['NO_COLOR']) || env['TERM'] === 'dumb';
  return stream.isTTY && stream.columns > 0 && !asksForPlain;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== 'false';
}
