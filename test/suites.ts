import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, seconds } from './command.ts';
import { ROOT } from './static-checks.ts';

/** Counts of a suite. */
export interface Counts {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly elapsedMs: number;
}

/** The part of vitest's JSON report that is counted. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly { readonly name: string; readonly status: string; readonly message: string; readonly assertionResults: readonly unknown[] }[];
}

/** Runs one vitest project, passing its output on. A project that dies before it can report counts as one failure. */
export async function runVitestProject(name: string, onOutput: (text: string) => void): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), 'lattice-dr-suite-'));
  const report = join(folder, 'report.json');
  const args = [
    'run',
    '--root',
    ROOT,
    '--config',
    'test/vitest.config.ts',
    '--project',
    name,
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
  ];
  const { code, elapsedMs } = await runCommand({ name, file: join(ROOT, 'node_modules', '.bin', 'vitest'), args, cwd: ROOT, onOutput });
  const counts = await readCounts(report);
  await rm(folder, { recursive: true, force: true });
  const failed = code !== 0 && (counts?.failed ?? 0) === 0 ? 1 : (counts?.failed ?? 0);
  return { name, passed: counts?.passed ?? 0, failed, skipped: counts?.skipped ?? 0, elapsedMs };
}

async function readCounts(path: string): Promise<Pick<Counts, 'passed' | 'failed' | 'skipped'> | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const report = JSON.parse(text) as VitestReport;
  // A file that cannot be loaded has no test that could be counted as failed.
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken, skipped: report.numPendingTests + report.numTodoTests };
}

/** One line for a suite. */
export function countsLine({ name, passed, failed, skipped, elapsedMs }: Counts): string {
  return `${failed > 0 ? 'FAILED' : 'passed'}  ${name}: ${passed} passed, ${failed} failed, ${skipped} skipped  ${seconds(elapsedMs)}`;
}
