import { createHash } from 'node:crypto';
import { abortError } from '../../src/errors/abort-error.ts';
import { DrError } from '../../src/errors/dr-error.ts';
import type { NodeForward, NodeJob, NodeJobState, NodeMachine, NodeRef, NodeResult, NodeScript, Nodes, NodeUpload } from '../../src/ports/nodes.ts';

/** What a script does on a fake machine: standard output of one that ends well, or its whole result. Files it writes go into `machine.files`. */
export type FakeScript = (call: NodeScript, machine: FakeMachine) => string | NodeResult | Promise<string | NodeResult>;

interface FakeFile {
  readonly bytes: Uint8Array;
  readonly mode: number;
}

type FakeJob = { state: 'running' | 'lost' } | { state: 'ended'; result: NodeResult };

/**
 * Machines in memory. No shell is behind them: a test says by title what each script does, and a script that nobody has said anything about is an error. Files
 * are those of uploads and of the test's scripts. A forward leads to the same port of this machine, as if the machine's loopback were ours.
 */
export class FakeNodes implements Nodes {
  readonly #machines = new Map<string, FakeMachine>();

  /** A machine by the name in its reference; made when first asked for. */
  machine(name: string): FakeMachine {
    const machine = this.#machines.get(name) ?? new FakeMachine({ name, host: name });
    this.#machines.set(name, machine);
    return machine;
  }

  async open(ref: NodeRef): Promise<NodeMachine> {
    return this.machine(ref.name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const machine of this.#machines.values()) await machine[Symbol.asyncDispose]();
  }
}

export class FakeMachine implements NodeMachine {
  readonly ref: NodeRef;
  /** By absolute path. */
  readonly files = new Map<string, FakeFile>();
  /** Titles of scripts that were begun, jobs once, oldest first. */
  readonly ran: string[] = [];
  /** Thrown by every request while set. */
  fault: DrError | undefined;
  readonly #scripts = new Map<string, FakeScript>();
  readonly #jobs = new Map<string, FakeJob>();
  readonly #ends = new Map<string, Promise<void>>();
  readonly #lost = new Map<string, number>();
  readonly #altered = new Set<string>();
  #isOff = false;

  constructor(ref: NodeRef) {
    this.ref = ref;
  }

  /** Says what scripts of that title do. */
  on(title: string, script: FakeScript): this {
    this.#scripts.set(title, script);
    return this;
  }

  /** The next so many answers to scripts of that title do not arrive, though they run. A job's is asked for again. */
  loseAnswers(title: string, times = 1): void {
    this.#lost.set(title, times);
  }

  /** What is sent to the path arrives altered. */
  alter(path: string): void {
    this.#altered.add(path);
  }

  /** Nothing answers, and jobs that run are lost. */
  powerOff(): void {
    this.#isOff = true;
    for (const [key, job] of this.#jobs) if (job.state === 'running') this.#jobs.set(key, { state: 'lost' });
  }

  powerOn(): void {
    this.#isOff = false;
  }

  async run(script: NodeScript): Promise<NodeResult> {
    this.#reach(script.signal);
    const result = await this.#perform(script);
    if (this.#isLost(script.title)) throw unreachable(this.ref, true);
    return result;
  }

  async job(job: NodeJob): Promise<NodeResult> {
    this.#reach(job.signal);
    if (!this.#jobs.has(job.key)) this.#begin(job);
    await Promise.race([this.#ends.get(job.key), aborted(job.signal)]);
    // An answer that is lost is asked for again: nothing of it is seen from outside.
    this.#isLost(job.title);
    this.#reach(job.signal);
    const state = this.#jobs.get(job.key);
    if (state?.state === 'ended') return state.result;
    throw new DrError({
      code: 'NODE_JOB_LOST',
      message: `'${job.title}' on ${this.ref.name} was begun and did not come to its end`,
      details: { key: job.key },
    });
  }

  async jobState(key: string, signal: AbortSignal): Promise<NodeJobState> {
    this.#reach(signal);
    return this.#jobs.get(key) ?? { state: 'absent' };
  }

  async upload({ source, path, sha256, mode, signal, onProgress }: NodeUpload): Promise<void> {
    this.#reach(signal);
    const before = this.files.get(path);
    if (before !== undefined && digest(before.bytes) === sha256) {
      this.files.set(path, { ...before, mode });
      return;
    }
    const parts: Uint8Array[] = [];
    let sent = 0;
    for await (const part of source) {
      parts.push(part);
      onProgress?.((sent += part.length));
    }
    this.#reach(signal);
    const bytes = Buffer.concat(this.#altered.has(path) ? [...parts, Buffer.of(0)] : parts);
    if (digest(bytes) !== sha256)
      throw new DrError({ code: 'NODE_FILE_DIFFERS', message: `${path} on ${this.ref.name} was not written: another SHA-256 arrived`, details: { path } });
    this.files.set(path, { bytes, mode });
  }

  async *download(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    this.#reach(signal);
    const file = this.files.get(path);
    if (file === undefined) throw new DrError({ code: 'NODE_FILE_MISSING', message: `${path} is not on ${this.ref.name}`, details: { path } });
    yield file.bytes;
  }

  async forward({ port }: { readonly port: number }, signal: AbortSignal): Promise<NodeForward> {
    this.#reach(signal);
    return { port, [Symbol.asyncDispose]: async () => undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is open.
  }

  #begin(job: NodeJob): void {
    this.#jobs.set(job.key, { state: 'running' });
    const end = this.#finish(job);
    this.#ends.set(job.key, end);
    // Who waits for it is told; nobody may be waiting.
    end.catch(() => undefined);
  }

  async #finish(job: NodeJob): Promise<void> {
    const result = await this.#perform(job);
    if (this.#jobs.get(job.key)?.state === 'running') this.#jobs.set(job.key, { state: 'ended', result });
  }

  async #perform(script: NodeScript): Promise<NodeResult> {
    const behaviour = this.#scripts.get(script.title);
    if (behaviour === undefined) throw new Error(`nobody has said what '${script.title}' does on ${this.ref.name}`);
    this.ran.push(script.title);
    const result = await behaviour(script, this);
    return typeof result === 'string' ? { exitCode: 0, stdout: result, stderr: '' } : result;
  }

  #reach(signal: AbortSignal): void {
    if (signal.aborted) throw abortError(signal, `on ${this.ref.name}`, 'NODE_UNREACHABLE');
    if (this.fault !== undefined) throw this.fault;
    if (this.#isOff) throw unreachable(this.ref, false);
  }

  #isLost(title: string): boolean {
    const times = this.#lost.get(title) ?? 0;
    this.#lost.set(title, Math.max(0, times - 1));
    return times > 0;
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(abortError(signal, 'following a job', 'NODE_COMMAND_FAILED')), { once: true });
  });
}

function unreachable({ name }: NodeRef, lost: boolean): DrError {
  return new DrError({ code: 'NODE_UNREACHABLE', message: `${name} cannot be reached over SSH`, details: { node: name, lost }, retry: 'retryable' });
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
