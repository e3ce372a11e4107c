/** What every part of the bench is given. */
export interface Measuring {
  /** Times each contender is measured. */
  readonly rounds: number;
  /** Objects of each restore, the smallest number first. */
  readonly sizes: readonly number[];
  /** Size of the tarball that is verified, in MB of 10^6 bytes. */
  readonly tarballMb: number;
  /** What the snapshot that is verified holds, in MB of 10^6 bytes. */
  readonly snapshotMb: number;
  /** Scratch folder, removed at the end. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Tells how far it is. */
  readonly say: (line: string) => void;
}
