import { isDrError } from '../src/errors/dr-error.ts';
import { ensureDebianPackages } from '../src/lab/debian-packages.ts';
import { runCommand, seconds } from './command.ts';
import { HELD_BACK } from './held-back.ts';
import { ROOT, runStaticChecks } from './static-checks.ts';
import { type Counts, countsLine, runVitestProject } from './suites.ts';
import { ensureAzurite } from './support/azurite.ts';

/**
 * `npm test`: static checks and unit tests while the servers are built, then every suite on real servers. Prints time and counts of each and ends with the
 * line `N passed, N failed, N skipped`. A suite on real servers of which nothing ran is a failure: skipped is not passed. At most four files of such a suite that
 * failed beside others run once more, alone; what then passes is named as unsteady, and what fails again has failed. Files with a race never do.
 *
 * `node test/run.ts [suite...]` runs only the suites named: static, unit, integration, traps, e2e.
 */
const REAL_SERVERS = ['integration', 'traps', 'e2e'];
const ALL = ['static', 'unit', ...REAL_SERVERS];

/** Looking for servers that are built takes less; the smallest build takes longer. */
const WARM_MS = 20_000;

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !ALL.includes(name));
if (unknown.length > 0) {
  console.error(`unknown suites: ${unknown.join(', ')}; there are ${ALL.join(', ')}`);
  process.exit(2);
}
const wanted = (name: string): boolean => chosen.length === 0 || chosen.includes(name);
const say = (text: string): boolean => process.stdout.write(text);
const startedAt = performance.now();

const needServers = REAL_SERVERS.some(wanted);
const [servers, quick] = await Promise.all([needServers ? provideServers() : undefined, runQuickSuites()]);
const real = await runRealSuites();
const suites = [...(servers === undefined ? [] : [servers]), ...quick, ...real];

say(`\n${suites.map((suite) => `${countsLine(suite)}\n`).join('')}in all ${seconds(performance.now() - startedAt)}${startedWith(servers)}\n`);
const sum = (key: 'passed' | 'failed' | 'skipped'): number => suites.reduce((total, suite) => total + suite[key], 0);
say(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`);
process.exitCode = sum('failed') > 0 ? 1 : 0;

/** Whether servers had to be built: times of a cold run and of a warm one are not to be compared. */
function startedWith(built: Counts | undefined): string {
  if (built === undefined) return '';
  return built.elapsedMs > WARM_MS ? ', cold: servers were built' : ', warm: the servers were built already';
}

/** Installs packages where it may and builds what is missing. A failure is told and counted; the suites that need it will fail or skip by themselves. */
async function provideServers(): Promise<Counts> {
  const from = performance.now();
  try {
    await ensureDebianPackages(['named', 'nsupdate', 'dig', 'ssh-keygen', 'sshd'], {
      signal: new AbortController().signal,
      onLine: (line) => say(`apt: ${line}\n`),
    });
  } catch (error) {
    say(`packages: ${error instanceof Error ? error.message : String(error)}${isDrError(error) ? `; ${error.suggestions.join('; ')}` : ''}\n`);
  }
  const onOutput = (text: string): void => void say(text.replace(/^(?=.)/gm, 'servers: '));
  const azurite = ensureAzurite();
  const { code } = await runCommand({ name: 'servers', file: process.execPath, args: ['src/lab/binaries/build.ts', 'all'], cwd: ROOT, onOutput });
  const fault = await azurite;
  if (fault !== undefined) say(`${fault}\n`);
  const isWhole = code === 0 && fault === undefined;
  return { name: 'servers are built', passed: isWhole ? 1 : 0, failed: isWhole ? 0 : 1, skipped: 0, elapsedMs: performance.now() - from };
}

async function runQuickSuites(): Promise<readonly Counts[]> {
  const from = performance.now();
  const checks = wanted('static') ? await runStaticChecks(say) : undefined;
  const counts =
    checks === undefined
      ? []
      : [{ name: 'static checks', passed: checks.passed, failed: checks.failed.length, skipped: 0, elapsedMs: performance.now() - from }];
  return wanted('unit') ? [...counts, await runVitestProject('unit', { onOutput: say })] : counts;
}

async function runRealSuites(): Promise<readonly Counts[]> {
  const results: Counts[] = [];
  for (const name of REAL_SERVERS.filter(wanted)) {
    say(`\n== ${name}, on real servers\n`);
    const counts = await runVitestProject(name, { onOutput: say, again: true });
    const heldBack = HELD_BACK.filter(({ suite }) => suite === name);
    for (const { file, reason } of heldBack) say(`skipped: ${file}: ${reason}\n`);
    const isEmpty = counts.passed + counts.failed === 0;
    if (isEmpty) say(`${name}: no test ran (${counts.skipped} skipped), which counts as a failure\n`);
    const skipped = counts.skipped + heldBack.length;
    results.push({ ...counts, skipped, failed: isEmpty ? 1 : counts.failed });
  }
  return results;
}
