/** What a part of the lab is doing, for progress views. */
export interface LabProgress {
  /** Id of a server, or what is being prepared: `s3`, `us-east-1a2b.apiserver`, `binaries`. */
  readonly part: string;
  readonly state: 'preparing' | 'starting' | 'adopted' | 'ready' | 'stopping' | 'stopped';
  /** Time taken, with `ready` and `stopped`. */
  readonly elapsedMs?: number;
  /** What there is to add, for people. */
  readonly note?: string;
}

export type OnLabProgress = (event: LabProgress) => void;

/** What every operation on a lab takes. */
export interface LabOperation {
  /** Absolute directory of the lab. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onProgress?: OnLabProgress;
}
