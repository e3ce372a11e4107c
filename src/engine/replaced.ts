import { DrError } from '../errors/dr-error.ts';
import type { RunId } from '../model/ids.ts';
import type { ProcessOwner } from '../ports/processes.ts';
import type { LogSegment, RunStore } from '../ports/run-store.ts';
import { readJournal } from './journal-chain.ts';
import { ownerOf } from './owner-tag.ts';

/** Which owner of which run asks. */
export interface ReplacedOwner {
  readonly store: RunStore;
  readonly run: RunId;
  /** Number of its segment, from 1. */
  readonly ownership: number;
}

/**
 * Makes `RUN_REPLACED` say who has taken the run: process, user, host, when and why. Any other error is given back as it is, and so is this one when the
 * store does not answer. To be called once everything that this owner did is stopped, since it asks the store.
 */
export async function nameSuccessor({ store, run, ownership }: ReplacedOwner, error: DrError): Promise<DrError> {
  if (error.code !== 'RUN_REPLACED') return error;
  try {
    const segments = (await store.readLog(run)).slice(0, ownership + 1);
    return segments.length > ownership ? namedError({ store, run, ownership }, segments, error) : error;
  } catch {
    return error;
  }
}

function namedError({ run, ownership }: ReplacedOwner, segments: readonly LogSegment[], cause: DrError): DrError {
  const { owner, takeOver } = ownerOf(run, segments, ownership + 1);
  const { at, by } = arrivalOf(run, segments, owner);
  const when = at === undefined ? '' : ` at ${at}`;
  const why = takeOver === undefined ? '' : ` (${takeOver})`;
  const whom = `process ${owner.pid} of ${owner.user} on host '${owner.host}'${by === undefined ? '' : ` for run '${by}'`}`;
  return new DrError({
    code: 'RUN_REPLACED',
    message: `run '${run}' was taken over${when} by ${whom}${why}; this process has stopped`,
    details: { run, host: owner.host, pid: owner.pid, user: owner.user, ...(at === undefined ? {} : { at }), ...(by === undefined ? {} : { by }) },
    suggestions: [`lattice-dr status ${by ?? run}`],
    cause,
  });
}

/** When the newcomer wrote its first line, and for which run if it is another one; nothing while it has not. */
function arrivalOf(run: RunId, segments: readonly LogSegment[], newcomer: ProcessOwner): { readonly at?: string; readonly by?: RunId } {
  for (const entry of readJournal(run, segments).entries.toReversed()) {
    if (entry.type !== 'owner' && entry.type !== 'superseded') continue;
    const { host, pid, startTime } = entry.owner;
    if (host !== newcomer.host || pid !== newcomer.pid || startTime !== newcomer.startTime) return {};
    return entry.type === 'owner' ? { at: entry.at } : { at: entry.at, by: entry.by };
  }
  return {};
}
