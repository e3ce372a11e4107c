import { DrError } from '../../src/errors/dr-error.ts';
import type { LogSegment, RunLog, RunStore } from '../../src/ports/run-store.ts';

interface Segment {
  readonly owner: string;
  lines: string[];
}

/** Where a simulated crash lies: the n-th append from 1, before its lines are stored or after they are. */
export interface CrashPoint {
  readonly append: number;
  readonly side: 'before' | 'after';
}

/**
 * A run store in memory that keeps the port's promises: one winner per key, a new segment fences the old ones, appends in order. It can crash at a given
 * append: that call and every later one, of any kind, fail as they would if the process were gone, until `revive`.
 */
export class MemoryRunStore implements RunStore {
  readonly location = 'memory';
  readonly evidence = new Map<string, string>();
  readonly #values = new Map<string, Uint8Array>();
  readonly #logs = new Map<string, Segment[]>();
  #crash: CrashPoint | undefined;
  #appends = 0;
  #dead = false;

  /** Plans a crash; counts appends from now. */
  crashAt(point: CrashPoint): void {
    this.#crash = point;
    this.#appends = 0;
  }

  /** Whether the planned crash has happened. */
  get crashed(): boolean {
    return this.#dead;
  }

  /** Appends since the start or the last `crashAt`. */
  get appends(): number {
    return this.#appends;
  }

  /** The next process: what was stored is there. */
  revive(): void {
    this.#dead = false;
    this.#crash = undefined;
    this.#appends = 0;
  }

  /** Replaces the text of one segment, as a fault of the disk would. */
  corrupt(run: string, segment: number, change: (text: string) => string): void {
    const found = this.#logs.get(run)?.[segment - 1];
    if (found === undefined) throw new Error(`no segment ${segment} of ${run}`);
    found.lines = [change(found.lines.join(''))];
  }

  async putIfAbsent(key: string, value: Uint8Array): Promise<boolean> {
    this.#live();
    if (this.#values.has(key)) return false;
    this.#values.set(key, value.slice());
    return true;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#live();
    return this.#values.get(key)?.slice();
  }

  async list(prefix: string): Promise<readonly string[]> {
    this.#live();
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  async openLog(run: string, owner: string, after: number): Promise<RunLog | undefined> {
    this.#live();
    const segments = this.#logs.get(run) ?? [];
    if (segments.length !== after) return undefined;
    const segment: Segment = { owner, lines: [] };
    this.#logs.set(run, [...segments, segment]);
    return { append: (lines) => this.#append(run, segment, lines), [Symbol.asyncDispose]: async () => undefined };
  }

  async readLog(run: string): Promise<readonly LogSegment[]> {
    this.#live();
    return (this.#logs.get(run) ?? []).map(({ owner, lines }) => ({ owner, text: lines.join('') }));
  }

  async listRuns(): Promise<readonly string[]> {
    this.#live();
    const named = [...this.#values.keys()].flatMap((key) => /^runs\/([^/]+)\//.exec(key)?.[1] ?? []);
    const evident = [...this.evidence.keys()].map((key) => key.slice(0, key.indexOf('/')));
    return [...new Set([...named, ...this.#logs.keys(), ...evident])].sort();
  }

  async readLogEnd(run: string): Promise<string | undefined> {
    const text = (await this.readLog(run)).at(-1)?.text ?? '';
    return text.endsWith('\n') ? text.slice(text.lastIndexOf('\n', text.length - 2) + 1, -1) : undefined;
  }

  async putEvidence(run: string, name: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.#live();
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    this.evidence.set(`${run}/${name}`, Buffer.concat(parts).toString());
  }

  async #append(run: string, segment: Segment, lines: readonly string[]): Promise<void> {
    this.#live();
    this.#appends += 1;
    const crash = this.#crash?.append === this.#appends ? this.#crash.side : undefined;
    if (crash === 'before') this.#die();
    segment.lines.push(...lines.map((line) => `${line}\n`));
    if (crash === 'after') this.#die();
    if (this.#logs.get(run)?.at(-1) !== segment) throw new DrError({ code: 'RUN_REPLACED', message: `run '${run}' has been taken over by another process` });
  }

  #die(): never {
    this.#dead = true;
    throw new DrError({ code: 'STORE_FAILED', message: 'simulated crash' });
  }

  #live(): void {
    if (this.#dead) throw new DrError({ code: 'STORE_FAILED', message: 'the process is gone (simulated crash)' });
  }
}
