import { join } from 'node:path';
import { type Finished, runCommand, seconds } from './command.ts';

export const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules', '.bin');

/** What is checked without running the project, and by which program. */
const CHECKS: readonly { readonly name: string; readonly file: string; readonly args: readonly string[]; readonly failsOn?: RegExp }[] = [
  { name: 'format (biome)', file: join(BIN, 'biome'), args: ['check', '--max-diagnostics=20', '.'] },
  { name: 'lint (oxlint)', file: join(BIN, 'oxlint'), args: ['--deny-warnings', 'src', 'test', 'bin'] },
  { name: 'types of src (tsc)', file: join(BIN, 'tsc'), args: ['-p', 'tsconfig.json', '--noEmit'] },
  { name: 'types of test (tsc)', file: join(BIN, 'tsc'), args: ['-p', 'test/tsconfig.json'] },
  // Without a compiler it understands, dependency-cruiser guesses with a loose parser and says so in a warning only.
  { name: 'import directions (dependency-cruiser)', file: join(BIN, 'depcruise'), args: ['--config', '.dependency-cruiser.cjs', 'src'], failsOn: /\bWARN\b/ },
  { name: 'dead code (knip)', file: join(BIN, 'knip'), args: ['--config', '.knip.json', '--reporter', 'compact'] },
  { name: 'generated files', file: process.execPath, args: ['test/generate/run.ts', '--check'] },
  { name: 'forbidden text', file: process.execPath, args: ['test/check-text.ts'] },
];

/** Runs all static checks, two at a time, tells each as it ends, and gives those that failed. */
export async function runStaticChecks(say: (text: string) => void): Promise<{ readonly passed: number; readonly failed: readonly Finished[] }> {
  const left = [...CHECKS];
  const failed: Finished[] = [];
  const worker = async (): Promise<void> => {
    for (let check = left.shift(); check !== undefined; check = left.shift()) {
      const finished = await runCommand({ ...check, cwd: ROOT });
      const isFailed = finished.code !== 0 || check.failsOn?.test(finished.output) === true;
      if (isFailed) failed.push(finished);
      say(`${isFailed ? 'FAILED' : 'passed'}  ${check.name}  ${seconds(finished.elapsedMs)}\n`);
      if (isFailed) say(`${finished.output.trimEnd()}\n`);
    }
  };
  await Promise.all([worker(), worker()]);
  return { passed: CHECKS.length - failed.length, failed };
}
