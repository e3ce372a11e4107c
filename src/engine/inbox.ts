import { asDrError, DrError } from '../errors/dr-error.ts';
import type { StepId } from '../model/ids.ts';
import { type InboxRequest, inboxPrefix, readEntry } from './inbox-entry.ts';
import { identify, openAfter, refusalOf, type Sender, strangeness } from './inbox-rules.ts';
import { type RunScope, recordOf } from './run-scope.ts';

/** How often the owner looks into the inbox: a person waits for the answer, and a list of an empty folder or prefix costs next to nothing. */
const LOOK_EVERY_MS = 1_000;
/** Part of a strange file's name that goes into the journal. */
const LONGEST_ID = 120;

/** A request that may be met, and who sent it. */
interface Accepted {
  readonly id: string;
  readonly request: InboxRequest;
  readonly sender: Sender;
}

/**
 * The owner's side of a run's inbox. Looks once a second, handles each entry once over all owners, in the order of their names, and journals what became of
 * it. Nothing in it can end the run: a store that does not answer is asked again, and what cannot be read is rejected.
 */
export class Inbox<P> {
  readonly #scope: RunScope<P>;
  readonly #seen = new Set<string>();
  #isReadable = true;

  constructor(scope: RunScope<P>) {
    this.#scope = scope;
  }

  /** Handles entries until the signal aborts or the journal fails. Never rejects. */
  async attend(signal: AbortSignal): Promise<void> {
    const { journal, env } = this.#scope;
    const until = AbortSignal.any([signal, journal.failed]);
    while (!until.aborted) {
      await this.#look(until);
      await env.clock.sleep(LOOK_EVERY_MS, until).catch(() => undefined);
    }
  }

  async #look(until: AbortSignal): Promise<void> {
    const { env, frozen, journal } = this.#scope;
    const prefix = inboxPrefix(frozen.id);
    try {
      for (const key of await env.store.list(prefix)) {
        const id = key.slice(prefix.length);
        if (until.aborted || this.#seen.has(id) || journal.state.requests.has(id.slice(0, LONGEST_ID))) continue;
        const content = await env.store.get(key);
        if (content === undefined) continue;
        await this.#handle(id, content, until);
        this.#seen.add(id);
      }
      this.#isReadable = true;
    } catch (error) {
      this.#complain(error, until);
    }
  }

  /** Says once that nobody can reach this run now; the run itself goes on. */
  #complain(error: unknown, until: AbortSignal): void {
    if (until.aborted || !this.#isReadable) return;
    this.#isReadable = false;
    this.#scope.emit({
      type: 'journal',
      message: `the inbox of the run cannot be read, so nobody elsewhere can reach it for now: ${asDrError(error).message}`,
    });
  }

  async #handle(id: string, content: Uint8Array, until: AbortSignal): Promise<void> {
    const read = readEntry(content);
    if ('fault' in read) return await this.#reject(id, read.fault);
    const { request } = read.entry;
    const strange = strangeness(this.#scope, id, read.entry);
    if (strange !== undefined) return await this.#reject(id, strange, request);
    const identity = await identify(this.#scope, read.entry, until);
    if ('refused' in identity) return await this.#reject(id, identity.refused, request);
    const { sender } = identity;
    const refusal = refusalOf(this.#scope, request, sender);
    if (refusal !== undefined) return await this.#reject(id, refusal, request);
    await this.#meet({ id, request, sender });
  }

  async #meet(accepted: Accepted): Promise<void> {
    const { step, verb } = accepted.request;
    if (verb === 'pause') return await this.#pause(accepted);
    if (verb === 'cancel') return await this.#cancel(accepted);
    if (step === undefined) return;
    if (verb === 'skip') return await this.#skip(accepted, step);
    return verb === 'retry' ? await this.#retry(accepted, step) : await this.#decide(accepted, step);
  }

  async #pause(accepted: Accepted): Promise<void> {
    const { operator, frozen } = this.#scope;
    await this.#accept(accepted);
    operator.pause(
      new DrError({
        code: 'RUN_PAUSED',
        message: `paused by ${fromWhere(accepted.request)}`,
        details: { run: frozen.id, by: accepted.sender.by },
        suggestions: [`lattice-dr resume ${frozen.id}`],
      }),
    );
  }

  async #cancel(accepted: Accepted): Promise<void> {
    await this.#accept(accepted);
    this.#scope.operator.cancel(
      new DrError({ code: 'CANCELLED', message: `cancelled by ${fromWhere(accepted.request)}`, details: { by: accepted.sender.by } }),
    );
  }

  async #skip(accepted: Accepted, step: StepId): Promise<void> {
    const { operator, journal } = this.#scope;
    const standing = operator.questionOf(step);
    if (standing?.begin() === false) return await this.#reject(accepted.id, ANSWERED_NOW, accepted.request);
    // A step that has stopped already takes its skip in another round; one that is still to come meets it when its turn comes.
    const hasStopped = standing === undefined && ['failed', 'waiting'].includes(recordOf(this.#scope, step).state);
    try {
      await journal.append({ type: 'skip-decided', step, reason: accepted.request.reason ?? '', ...decidedBy(accepted) });
      if (hasStopped) operator.wantRound();
      await this.#accept(accepted);
    } finally {
      standing?.end();
    }
  }

  async #retry(accepted: Accepted, step: StepId): Promise<void> {
    const { operator, journal } = this.#scope;
    const isBetweenTries = operator.isBetweenTries(step);
    // A step that was left out and whose turn has not come needs no more than that this is taken back.
    if (!isBetweenTries && recordOf(this.#scope, step).state !== 'pending') operator.wantRound();
    await journal.append({ type: 'retry-decided', step, ...decidedBy(accepted) });
    if (isBetweenTries) operator.endWait(step);
    await this.#accept(accepted);
  }

  /** Journals a decision at a gate. Where the question no longer stands, it is for another round, once what runs has ended. */
  async #decide(accepted: Accepted, step: StepId): Promise<void> {
    const { operator, journal, emit } = this.#scope;
    const { request } = accepted;
    const { asked } = recordOf(this.#scope, step);
    if (asked === undefined) return;
    const standing = operator.questionOf(step);
    if (standing?.begin() === false) return await this.#reject(accepted.id, ANSWERED_NOW, request);
    const declined = request.verb === 'decline';
    const decision = declined ? 'declined' : asked.gate.attest === undefined ? 'approved' : 'attested';
    const open = declined ? 0 : openAfter(this.#scope, step, asked);
    const text = declined ? request.reason : request.attest;
    try {
      const more = { ...(text === undefined ? {} : { text }), ...(open > 0 ? { open } : {}) };
      await journal.append({ type: 'gate-decided', step, decision, shown: asked.shown, ...decidedBy(accepted), ...more });
      if (standing === undefined && open === 0) operator.wantRound();
      emit({ type: 'gate', step, gate: asked.gate, state: declined ? 'declined' : 'approved', by: personOf(accepted.sender) });
      await this.#accept(accepted);
    } finally {
      standing?.end();
    }
  }

  async #accept({ id, request }: Accepted): Promise<void> {
    await this.#tell(id, { outcome: 'accepted' }, request);
  }

  async #reject(id: string, reason: string, request?: InboxRequest): Promise<void> {
    await this.#tell(id.slice(0, LONGEST_ID), { outcome: 'rejected', reason }, request);
  }

  async #tell(id: string, told: { readonly outcome: 'accepted' | 'rejected'; readonly reason?: string }, request: InboxRequest | undefined): Promise<void> {
    const { journal, emit } = this.#scope;
    const { verb, step, by } = request ?? {};
    const about = { ...(verb === undefined ? {} : { verb }), ...(step === undefined ? {} : { step }), ...(by === undefined ? {} : { by }) };
    await journal.append({ type: 'request', request: id, ...told, ...about });
    emit({ type: 'request', request: { id, ...about }, ...told });
  }
}

/** Two persons answered in the same moment; what the first answer comes to is to be seen before another one is given. */
const ANSWERED_NOW = 'somebody else is answering this very moment; look again';

function decidedBy({ id, sender }: Accepted): Sender & { readonly how: 'inbox'; readonly request: string } {
  return { ...sender, how: 'inbox', request: id };
}

/** Who decided, for people: without a signature nothing proves it. */
function personOf({ by, signed }: Sender): string {
  return signed === undefined ? `${by} (unverified)` : `${by} (signed)`;
}

function fromWhere({ by, host, reason }: InboxRequest): string {
  return `${by} from host '${host}'${reason === undefined ? '' : `: ${reason}`}`;
}
