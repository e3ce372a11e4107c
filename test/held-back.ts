/** A test file that does not run yet, and why. Each counts as one skipped test of its suite. */
export interface HeldBack {
  readonly suite: string;
  readonly file: string;
  readonly reason: string;
}

const GROWN = 'not seen to its end within its time since the runbook has six more steps';
const NOT_RUN = 'not run yet since the runbook has six more steps';

/** Files that have not been seen green on real servers with everything that is here. They come back one by one. */
export const HELD_BACK: readonly HeldBack[] = [
  {
    suite: 'traps',
    file: 'test/traps/files.test.ts',
    reason: 'the naive half of a killed file-system restore: all files are there, where one should be short',
  },
  {
    suite: 'traps',
    file: 'test/traps/volumes.test.ts',
    reason: 'two of three seen green; the list of holds has been mended since, and its set-up did not end within its time',
  },
  { suite: 'e2e', file: 'test/e2e/stale-specs.test.ts', reason: 'the sample world with 15 stale services: not seen to its end within its time' },
  { suite: 'e2e', file: 'test/e2e/crash.test.ts', reason: 'four of five seen green; the comparison of objects has been mended since and not been run' },
  { suite: 'e2e', file: 'test/e2e/crash-every-line.test.ts', reason: GROWN },
  { suite: 'e2e', file: 'test/e2e/crash-effects.test.ts', reason: GROWN },
  { suite: 'e2e', file: 'test/e2e/crash-sample.test.ts', reason: NOT_RUN },
  { suite: 'e2e', file: 'test/e2e/altered-volume.test.ts', reason: NOT_RUN },
  { suite: 'e2e', file: 'test/e2e/api-faults.test.ts', reason: NOT_RUN },
];
