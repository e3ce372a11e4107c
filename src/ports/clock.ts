/** Time, as a port: tests replace it. */
export interface Clock {
  /** Milliseconds since the epoch; may jump. For stamps only. */
  now(): number;
  /** Milliseconds that never go back. For spans. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
