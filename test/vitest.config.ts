import { configDefaults, defineConfig } from 'vitest/config';
import { HELD_BACK } from './held-back.ts';
import { LongFilesFirst } from './long-files-first.ts';

const MINUTE = 60_000;

/** Suites on real servers: few files at a time, because each brings its own servers and the machine may have two cores. */
function realServers(name: string, timeoutMs: number, filesAtATime = 1) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      exclude: [...configDefaults.exclude, ...HELD_BACK.filter(({ suite }) => suite === name).map(({ file }) => file)],
      fileParallelism: filesAtATime > 1,
      maxWorkers: filesAtATime,
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      teardownTimeout: MINUTE,
    },
  };
}

export default defineConfig({
  test: {
    sequence: { shuffle: { files: true, tests: true }, sequencer: LongFilesFirst },
    pool: 'forks',
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reportsDirectory: 'coverage' },
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/fakes/**/*.test.ts'], testTimeout: 20_000 } },
      realServers('integration', 5 * MINUTE, 2),
      realServers('traps', 10 * MINUTE, 2),
      // Whole recoveries wait a third of the time, for leases, outages and controllers: three need two cores.
      realServers('e2e', 30 * MINUTE, 3),
    ],
  },
});
