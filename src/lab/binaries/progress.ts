import type { GoModuleName, LabBinaryName } from './versions.ts';

/** Where one binary stands. `building` and `waiting` come every two seconds at least; every binary ends with `cached` or `built`. */
export interface BinaryProgress {
  readonly binary: LabBinaryName;
  /** Binaries of one module are built together and share their counts. */
  readonly module: GoModuleName;
  readonly phase: 'cached' | 'building' | 'built' | 'waiting';
  /** Since `ensureBinaries` was called. */
  readonly elapsedMs: number;
  /** Packages whose compilation has begun in this build; only with `building`. */
  readonly compiled?: number;
  /** Packages this build has to compile; absent until counted. */
  readonly total?: number;
  /** What is going on, in words: a package, a download, whom we wait for, where a binary was found. */
  readonly line?: string;
}

export type OnProgress = (event: BinaryProgress) => void;

/** How often a long wait says that it is still going on. */
export const HEARTBEAT_MS = 2_000;
