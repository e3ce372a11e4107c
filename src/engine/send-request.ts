import { DrError } from '../errors/dr-error.ts';
import { type DurationMs, formatDuration } from '../model/duration.ts';
import type { RunId } from '../model/ids.ts';
import { encodeEntry, type InboxRequest, inboxPrefix, newEntryId, signedText } from './inbox-entry.ts';
import { type LifeTools, lifeOf, type OwnerLife } from './owner-life.ts';
import { readRun, type StoredRun } from './run-files.ts';
import type { OwnerEnvironment } from './run-options.ts';
import type { OwnerRecord, RequestRecord } from './run-state.ts';

/** How often the sender looks for the answer. */
const LOOK_EVERY_MS: DurationMs = 1_000;
/** An owner looks once a second and says every 15 s that it lives, so one that is silent for this long is stuck, or cannot reach its store. */
const ANSWER_WITHIN_MS: DurationMs = 60_000;

/** What sending needs: where runs live and who we are. */
export type SenderEnvironment = Pick<OwnerEnvironment, 'store' | 'random'> & LifeTools & { readonly signal: AbortSignal };

/** What is asked, without what the sending adds. */
export type RequestBody = Omit<InboxRequest, 'id' | 'run' | 'owner' | 'host' | 'at'>;

export interface SendOptions {
  readonly body: RequestBody;
  /** Signs the text of the request. Absent: it goes unsigned. */
  readonly sign?: (text: string) => Promise<string>;
  /** Command that does the same to a run that nobody owns. */
  readonly instead: string;
}

/** What became of a request. */
export interface SentRequest extends RequestRecord {
  readonly run: RunId;
  /** Name of its entry in the inbox. */
  readonly id: string;
  /** The run as it stood when the answer was there. */
  readonly stored: StoredRun;
}

/**
 * Puts a request into the inbox of a run and waits, at most a minute, until its owner has journalled what became of it. The owner alone changes the run.
 *
 * Throws `RUN_NOT_RUNNING` when nobody owns the run, also when it ends before it has answered; `REQUEST_REJECTED` with the owner's reason;
 * `REQUEST_UNANSWERED`; `STORE_FAILED`.
 */
export async function sendRequest(env: SenderEnvironment, stored: StoredRun, options: SendOptions): Promise<SentRequest> {
  const owner = await ownerOf(env, stored, options.instead);
  const run = stored.frozen.id;
  const now = env.clock.now();
  const id = newEntryId(now, env.random.hex(4));
  const request: InboxRequest = { ...options.body, id, run, owner: owner.nonce, host: env.owner.host, at: new Date(now).toISOString() };
  const signature = await options.sign?.(signedText(request));
  const entry = encodeEntry({ format: 1, request, ...(signature === undefined ? {} : { signature }) });
  if (!(await env.store.putIfAbsent(`${inboxPrefix(run)}${id}`, entry))) throw new DrError({ code: 'BUG', message: `the inbox has an entry '${id}' already` });
  const answer = await answerTo(env, request, options.instead);
  if (answer.outcome === 'accepted') return answer;
  throw new DrError({
    code: 'REQUEST_REJECTED',
    message: `run '${run}' rejects '${what(request)}': ${answer.reason ?? 'no reason given'}`,
    details: { run, request: id, verb: request.verb, step: request.step, reason: answer.reason },
    suggestions: [`lattice-dr status ${run}`],
  });
}

/** The living owner of a run. Throws `RUN_NOT_RUNNING` with the command that does the same without one. */
export async function ownerOf(env: LifeTools, { frozen, state }: StoredRun, instead: string): Promise<OwnerRecord> {
  const life = await lifeOf(state, env);
  const owner = state.owners.at(-1);
  if (life === 'living' && owner?.purpose === 'run') return owner;
  throw new DrError({
    code: 'RUN_NOT_RUNNING',
    message: `nobody can be asked about run '${frozen.id}': ${whyNobody(life, owner)}`,
    details: { run: frozen.id, owner: owner === undefined ? undefined : { host: owner.owner.host, pid: owner.owner.pid, user: owner.owner.user } },
    suggestions: [instead],
  });
}

function whyNobody(life: OwnerLife, owner: OwnerRecord | undefined): string {
  const who = owner === undefined ? 'its process' : `process ${owner.owner.pid} of ${owner.owner.user} on host '${owner.owner.host}'`;
  if (life === 'ended') return 'it has ended';
  if (life === 'gone') return `${who} is gone`;
  return life === 'silent' ? `${who} has not said for 45 s that it lives` : `${who} releases what the run has put aside, and runs no step`;
}

async function answerTo(env: SenderEnvironment, request: InboxRequest, instead: string): Promise<SentRequest> {
  const until = env.clock.monotonic() + ANSWER_WITHIN_MS;
  for (;;) {
    const stored = await readRun(env.store, request.run);
    const record = stored.state.requests.get(request.id);
    if (record !== undefined) return { ...record, run: request.run, id: request.id, stored };
    await ownerOf(env, stored, instead);
    if (env.clock.monotonic() >= until) throw unanswered(request);
    await env.clock.sleep(LOOK_EVERY_MS, env.signal);
  }
}

function unanswered(request: InboxRequest): DrError {
  return new DrError({
    code: 'REQUEST_UNANSWERED',
    message: `the owner of run '${request.run}' has not said within ${formatDuration(ANSWER_WITHIN_MS)} what became of '${what(request)}'; it may still take it up`,
    details: { run: request.run, request: request.id },
    suggestions: [`lattice-dr status ${request.run}`],
  });
}

function what({ verb, step }: InboxRequest): string {
  return step === undefined ? verb : `${verb} ${step}`;
}
