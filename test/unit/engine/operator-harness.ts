import type { StepGraph } from '../../../src/engine/graph-types.ts';
import { encodeEntry, type InboxRequest, inboxPrefix, signedText } from '../../../src/engine/inbox-entry.ts';
import { resumeRun } from '../../../src/engine/resume-run.ts';
import type { ResumeRunOptions, RunResult, StartRunOptions } from '../../../src/engine/run-options.ts';
import type { RequestRecord } from '../../../src/engine/run-state.ts';
import { type RequestBody, type SentRequest, sendRequest } from '../../../src/engine/send-request.ts';
import { startRun } from '../../../src/engine/start-run.ts';
import type { StepRecord } from '../../../src/engine/step-record.ts';
import { asDrError, type DrError } from '../../../src/errors/dr-error.ts';
import type { RunId, StepId } from '../../../src/model/ids.ts';
import { FakeSignatures } from '../../fakes/fake-signatures.ts';
import { Bench, CLUSTER, processOwner, type World } from './run-harness.ts';

/** Keys of two persons, and one that stands for both. */
export const SIGNATURES = new FakeSignatures({ signers: { 'key-ann': ['ann'], 'key-bob': ['bob'], 'key-both': ['ann', 'bob'] } });

const HOUR = 3_600_000;

/** Persons at other terminals, beside a run of a bench. */
export class Persons {
  readonly bench: Bench;
  #pid = 500;
  #nonce = 0;

  constructor(bench = new Bench()) {
    this.bench = bench;
  }

  /** Starts a run whose questions wait an hour for answers, and does something beside it. */
  async beside(graph: StepGraph, act: (run: RunId) => Promise<void>, options: Partial<StartRunOptions<World>> = {}): Promise<RunResult> {
    const { bench } = this;
    const env = { ...this.#process(), ...options };
    const running = startRun({ ...env, graph, cluster: CLUSTER, mode: 'recovery', sources: {}, ...options });
    return await this.#together(running, async () => await act(await this.#begun()), bench);
  }

  /** Resumes likewise. */
  async besideResume(run: RunId, act: () => Promise<void>, options: Partial<ResumeRunOptions<World>> = {}): Promise<RunResult> {
    const { bench } = this;
    const owners = (await bench.stored(run)).state.owners.length;
    const begun = async (): Promise<void> => {
      await this.until(async () => ((await bench.stored(run)).state.owners.length > owners ? true : undefined));
      await act();
    };
    return await this.#together(resumeRun({ ...this.#process(), run, ...options }), begun, bench);
  }

  /** Sends a request as a person at another terminal does. */
  async send(run: RunId, body: RequestBody, sign?: (text: string) => Promise<string>): Promise<SentRequest> {
    const { bench } = this;
    const env = { ...bench.process({ owner: processOwner(this.#nextPid(), { user: body.by }) }) };
    return await sendRequest(env, await bench.stored(run), { body, instead: 'lattice-dr resume', ...(sign === undefined ? {} : { sign }) });
  }

  /** Sends, and gives why it was refused. */
  async refused(run: RunId, body: RequestBody, sign?: (text: string) => Promise<string>): Promise<DrError> {
    try {
      await this.send(run, body, sign);
    } catch (error) {
      return asDrError(error);
    }
    throw new Error(`${body.verb} was accepted`);
  }

  /** Puts anything into the inbox and waits for what becomes of it. */
  async drop(run: RunId, id: string, content: string | Uint8Array): Promise<RequestRecord> {
    await this.bench.store.putIfAbsent(`${inboxPrefix(run)}${id}`, Buffer.from(content));
    return await this.until(async () => (await this.bench.stored(run)).state.requests.get(id));
  }

  /** Puts a whole entry into the inbox, with fields that a proper sender would not write. */
  async forge(run: RunId, fields: Partial<InboxRequest>, signature?: (text: string) => string): Promise<RequestRecord> {
    const { state } = await this.bench.stored(run);
    const id = fields.id ?? `forged-${(this.#nonce += 1)}`;
    const request = { run, verb: 'approve', by: 'ann', host: 'there', at: '2026-03-01T03:00:00.000Z', owner: state.owners.at(-1)?.nonce ?? '', ...fields, id };
    const signed = signature === undefined ? {} : { signature: signature(signedText(request as InboxRequest)) };
    return await this.drop(run, id, encodeEntry({ format: 1, request: request as InboxRequest, ...signed }));
  }

  /** Waits until a step's question stands, and gives the digest of what it shows. */
  async asked(run: RunId, step: string): Promise<`sha256:${string}`> {
    return await this.until(async () => {
      const record = await this.record(run, step);
      return record?.state === 'waiting' ? record.asked?.shown : undefined;
    });
  }

  async record(run: RunId, step: string): Promise<StepRecord | undefined> {
    return (await this.bench.stored(run)).state.steps.get(step as StepId);
  }

  /** Looks four times a second until there is something. */
  async until<T>(look: () => Promise<T | undefined>): Promise<T> {
    for (let time = 0; time < HOUR; time += 250) {
      const found = await look();
      if (found !== undefined) return found;
      await this.bench.clock.sleep(250);
    }
    throw new Error('it did not come about within an hour');
  }

  #process(): ReturnType<Bench['process']> {
    const pid = this.#nextPid();
    this.bench.living.add(pid);
    return this.bench.process({ owner: processOwner(pid), waitForAnswersMs: HOUR, signatures: SIGNATURES });
  }

  #nextPid(): number {
    this.#pid += 1;
    return this.#pid;
  }

  async #begun(): Promise<RunId> {
    return await this.until(async () => {
      const run = await this.bench.onlyRun();
      if (this.bench.store.crashed) throw new Error('the process was killed before it began');
      return run !== undefined && (await this.bench.stored(run)).state.owners.length > 0 ? run : undefined;
    });
  }

  async #together(running: Promise<RunResult>, act: () => Promise<void>, { clock }: Bench): Promise<RunResult> {
    const [result] = await clock.runUntil(Promise.all([running, act()]));
    return result;
  }
}
