/** A test file that does not run yet, and why. Each counts as one skipped test of its suite. */
export interface HeldBack {
  readonly suite: string;
  readonly file: string;
  readonly reason: string;
}

/** Files that have not been seen green on real servers. They come back one by one; none of them is the only test of what it shows. */
export const HELD_BACK: readonly HeldBack[] = [
  {
    suite: 'traps',
    file: 'test/traps/files.test.ts',
    reason: 'a killed file-system restore on real Kopia: the naive half is not reproducible yet; carrier pods themselves are shown by e2e/rebuild-small',
  },
  {
    suite: 'e2e',
    file: 'test/e2e/stale-specs.test.ts',
    reason: '15 of 50 stale services on the sample world: its whole course has not ended within its time yet; shown on fakes by unit/steps/integrity',
  },
];
