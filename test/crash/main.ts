import { runCommand, seconds } from '../command.ts';
import { ROOT } from '../static-checks.ts';
import { killAtEveryPoint } from './every-point.ts';

/**
 * `npm run test:crash`: the crash tests that `npm test` runs among others: on fakes, on real servers at every line, at every destructive effect, and in the
 * world of 50 services. `-- --all [--from N]`: kills a rebuild of the small world at every single point, each in a lab of its own, and judges each; some
 * hours. `--from` goes on at the N-th point.
 */
const args = process.argv.slice(2);
const say = (text: string): boolean => process.stdout.write(text);
const from = args[0] === '--all' && args[1] === '--from' ? Number(args[2]) : 1;
const isKnown = args.length === 0 || (args[0] === '--all' && (args.length === 1 || (args.length === 3 && Number.isInteger(from) && from > 0)));
if (!isKnown) {
  console.error(`unknown arguments: ${args.join(' ')}; there are --all and, with it, --from N`);
  process.exit(2);
}

if (args.length === 0) {
  const filters = ['test/unit/engine/crash', 'test/unit/steps', 'test/e2e/crash'];
  const { code, elapsedMs } = await runCommand({
    name: 'crash tests',
    file: process.execPath,
    args: ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', '--project', 'unit', '--project', 'e2e', ...filters],
    cwd: ROOT,
    onOutput: say,
  });
  say(`crash tests: ${code === 0 ? 'passed' : 'FAILED'} after ${seconds(elapsedMs)}\n`);
  process.exitCode = code;
} else {
  process.exitCode = (await killAtEveryPoint(from, say)) ? 0 : 1;
}
