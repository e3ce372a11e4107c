import type { JsonObject } from '../../../model/json.ts';

/** Whose requests a fault strikes; everybody's without an account. */
interface Aimed {
  readonly account?: string;
}

/** Requests that are answered in the server's place. */
export interface S3Refusal extends Aimed {
  readonly status: 500 | 503;
  /** One request in so many is refused, beginning with the first; 1 refuses all. */
  readonly every: number;
  /** How many are refused in all before the fault ends by itself. */
  readonly count: number;
}

/** Bodies that pass so many bytes a second, each way. */
export interface S3Slowness extends Aimed {
  readonly bytesPerSecond: number;
}

/** Bodies of which so many bytes pass before the connection is cut; what is shorter passes whole. */
export interface S3Cut extends Aimed {
  readonly afterBytes: number;
  /** How many transfers are cut in all. */
  readonly count: number;
}

/** One request, as far as faults look at it. */
export interface S3Request {
  readonly account: string;
  readonly method: string;
}

type Timed<T> = T & { readonly until: number };

/** The faults in force before the S3 server and how often each has struck. Kept in memory: a restarted proxy has none. */
export class S3FaultState {
  readonly #now: () => number;
  #refusal: Timed<S3Refusal> | undefined;
  #slowness: Timed<S3Slowness> | undefined;
  #cut: Timed<S3Cut> | undefined;
  #readOnly: Timed<Aimed> | undefined;
  #seen = 0;
  #counts = { requests: 0, refused: 0, slowed: 0, cut: 0, denied: 0 };

  /** @param now - milliseconds that never go back */
  constructor(now: () => number) {
    this.#now = now;
  }

  refuse(fault: S3Refusal, forMs: number): void {
    this.#seen = 0;
    this.#refusal = { ...fault, until: this.#now() + forMs };
  }

  slow(fault: S3Slowness, forMs: number): void {
    this.#slowness = { ...fault, until: this.#now() + forMs };
  }

  cut(fault: S3Cut, forMs: number): void {
    this.#cut = { ...fault, until: this.#now() + forMs };
  }

  readOnly(fault: Aimed, forMs: number): void {
    this.#readOnly = { ...fault, until: this.#now() + forMs };
  }

  clear(): void {
    this.#refusal = undefined;
    this.#slowness = undefined;
    this.#cut = undefined;
    this.#readOnly = undefined;
  }

  /** Called for each request: with what status it is answered in the server's place, 403 for a write with credentials that may only read. */
  takeRefusal(request: S3Request): 403 | 500 | 503 | undefined {
    this.#counts.requests += 1;
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (!reads && this.#strikes(this.#readOnly, request)) {
      this.#counts.denied += 1;
      return 403;
    }
    const fault = this.#refusal;
    if (fault === undefined || fault.count <= 0 || !this.#strikes(fault, request)) return undefined;
    const strikes = this.#seen % fault.every === 0;
    this.#seen += 1;
    if (!strikes) return undefined;
    this.#refusal = { ...fault, count: fault.count - 1 };
    this.#counts.refused += 1;
    return fault.status;
  }

  /** Bytes a second that the bodies of a request may pass. */
  takeRate(request: S3Request): number | undefined {
    const fault = this.#slowness;
    if (!this.#strikes(fault, request)) return undefined;
    this.#counts.slowed += 1;
    return fault?.bytesPerSecond;
  }

  /** Whether the connection of a request is cut now that so many bytes of one of its bodies have come. */
  cutsAt(request: S3Request, passed: number): boolean {
    const fault = this.#cut;
    if (fault === undefined || fault.count <= 0 || passed <= fault.afterBytes || !this.#strikes(fault, request)) return false;
    this.#cut = { ...fault, count: fault.count - 1 };
    this.#counts.cut += 1;
    return true;
  }

  describe(): JsonObject {
    const shown = <T extends Aimed>(fault: Timed<T> | undefined): JsonObject | null => {
      if (fault === undefined || this.#now() > fault.until) return null;
      const { until: _until, ...rest } = fault;
      return rest as unknown as JsonObject;
    };
    return {
      refuse: shown(this.#refusal),
      slow: shown(this.#slowness),
      cut: shown(this.#cut),
      readOnly: shown(this.#readOnly),
      counts: { ...this.#counts },
    };
  }

  #strikes(fault: Timed<Aimed> | undefined, { account }: S3Request): boolean {
    return fault !== undefined && this.#now() <= fault.until && (fault.account === undefined || fault.account === account);
  }
}
