import type { JsonObject } from '../../../model/json.ts';

/** Answers that a proxy gives in the server's place. */
export interface RefuseFault {
  readonly status: 429 | 500 | 503;
  readonly retryAfterSeconds: number;
  /** One request in so many is refused, beginning with the first; 1 refuses all. */
  readonly every: number;
  /** How many are refused in all before the fault ends by itself. */
  readonly count: number;
}

/**
 * The faults in force at one proxy and how often each has struck. Kept in memory: a restarted proxy has none. Watches are refused and slowed like other
 * requests when they begin; `cutWatches` ends those that run.
 */
export class FaultState {
  readonly #now: () => number;
  readonly #watches = new Set<() => void>();
  #refuse: (RefuseFault & { readonly until: number }) | undefined;
  #slow: { readonly delayMs: number; readonly until: number } | undefined;
  #latencyMs = 0;
  #seen = 0;
  #counts = { requests: 0, refused: 0, slowed: 0, cutWatches: 0 };

  /** @param now - milliseconds that never go back */
  constructor(now: () => number) {
    this.#now = now;
  }

  refuse(fault: RefuseFault, forMs: number): void {
    this.#seen = 0;
    this.#refuse = { ...fault, until: this.#now() + forMs };
  }

  slow(delayMs: number, forMs: number): void {
    this.#slow = { delayMs, until: this.#now() + forMs };
  }

  /** Delay of each direction of the latency port, in milliseconds. */
  get latencyMs(): number {
    return this.#latencyMs;
  }

  set latencyMs(value: number) {
    this.#latencyMs = value;
  }

  clear(): void {
    this.#refuse = undefined;
    this.#slow = undefined;
    this.#latencyMs = 0;
  }

  /** Called for each request: how it is to be refused, if at all. */
  takeRefusal(): RefuseFault | undefined {
    this.#counts.requests += 1;
    const fault = this.#refuse;
    if (fault === undefined || this.#now() > fault.until || fault.count <= 0) return undefined;
    const strikes = this.#seen % fault.every === 0;
    this.#seen += 1;
    if (!strikes) return undefined;
    this.#refuse = { ...fault, count: fault.count - 1 };
    this.#counts.refused += 1;
    return fault;
  }

  /** Called for each request that is passed on: how long it has to wait first. */
  takeDelayMs(): number {
    const fault = this.#slow;
    if (fault === undefined || this.#now() > fault.until) return 0;
    this.#counts.slowed += 1;
    return fault.delayMs;
  }

  /** Remembers how to cut a watch that has begun; call what it returns when the watch has ended. */
  addWatch(cut: () => void): () => void {
    this.#watches.add(cut);
    return () => this.#watches.delete(cut);
  }

  /** Cuts every running watch in mid-stream, as a restarted load balancer does. Returns how many. */
  cutWatches(): number {
    const cuts = [...this.#watches];
    this.#watches.clear();
    for (const cut of cuts) cut();
    this.#counts.cutWatches += cuts.length;
    return cuts.length;
  }

  describe(): JsonObject {
    const now = this.#now();
    return {
      refuse:
        this.#refuse === undefined || now > this.#refuse.until || this.#refuse.count <= 0 ? null : { status: this.#refuse.status, left: this.#refuse.count },
      slow: this.#slow === undefined || now > this.#slow.until ? null : { delayMs: this.#slow.delayMs },
      latencyMs: this.#latencyMs,
      watches: this.#watches.size,
      counts: { ...this.#counts },
    };
  }
}
