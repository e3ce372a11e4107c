import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { runCommand, seconds } from './command.ts';
import { ROOT } from './static-checks.ts';

/** Counts of a suite. */
export interface Counts {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly elapsedMs: number;
  /** What failed, a line each. */
  readonly faults?: readonly string[];
  /** What failed beside others and passed when its file ran again alone, a line each. */
  readonly unsteady?: readonly string[];
}

/** The part of vitest's JSON report that is counted. */
interface VitestReport {
  readonly testResults: readonly FileResult[];
}

interface FileResult {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages?: readonly string[] | null }[];
}

/** A test file that is never run again after a failure, and why. */
interface OnceOnly {
  readonly file: string;
  readonly reason: string;
}

/** Files whose subject is a race, or that strike at random: what goes wrong there goes wrong rarely, and would pass when it is run again. */
export const ONCE_ONLY: readonly OnceOnly[] = [
  { file: 'test/integration/run-store-s3.test.ts', reason: 'twenty processes race for one cluster' },
  { file: 'test/integration/adapters-dns.test.ts', reason: 'three writers race for one record' },
  { file: 'test/integration/engine-kill.test.ts', reason: 'a process is killed at whatever it is doing' },
  { file: 'test/e2e/takeover.test.ts', reason: 'an owner and its successor race for one cluster' },
  { file: 'test/e2e/operator-s3.test.ts', reason: 'an owner and its successor race for one cluster' },
  { file: 'test/e2e/crash.test.ts', reason: 'each time it kills at other places' },
  { file: 'test/e2e/crash-sample.test.ts', reason: 'each time it kills at other places' },
  { file: 'test/e2e/crash-etcd-power.test.ts', reason: 'a machine loses its power at whatever it is doing' },
];

/** More files than this that fail are no matter of a busy machine. */
const AGAIN_AT_MOST = 4;

export interface SuiteOptions {
  readonly onOutput: (text: string) => void;
  /** Whether files that fail run once more, alone, but those of `ONCE_ONLY`: servers of other files share the machine, and a wait may be too short for that. */
  readonly again?: boolean;
}

/** Runs one vitest project, passing its output on. A project that dies before it can report counts as one failure. */
export async function runVitestProject(name: string, { onOutput, again = false }: SuiteOptions): Promise<Counts> {
  const first = await runFiles(name, [], onOutput);
  const paths = again ? pathsToRepeat(first.files.filter(isBroken).map((file) => relative(ROOT, file.name))) : [];
  if (paths.length === 0) return { name, ...counted(first) };
  const broken = first.files.filter((file) => paths.includes(relative(ROOT, file.name)));
  onOutput(`\n== ${name}: ${paths.join(' and ')} failed, and run once more, alone\n`);
  const second = await runFiles(name, [...paths, '--no-file-parallelism'], onOutput);
  const files = [...first.files.filter((file) => !broken.includes(file)), ...second.files];
  const recovered = broken.filter((file) => second.files.some((other) => other.name === file.name && !isBroken(other)));
  return { name, ...counted({ files, code: second.code, elapsedMs: first.elapsedMs + second.elapsedMs }), unsteady: recovered.flatMap(faultsOf) };
}

/** Which of the files that failed run once more: none when there are too many of them. */
export function pathsToRepeat(broken: readonly string[]): readonly string[] {
  return broken.length > AGAIN_AT_MOST ? [] : broken.filter((path) => !ONCE_ONLY.some(({ file }) => file === path));
}

interface Ran {
  readonly files: readonly FileResult[];
  readonly code: number;
  readonly elapsedMs: number;
}

async function runFiles(name: string, extra: readonly string[], onOutput: (text: string) => void): Promise<Ran> {
  const folder = await mkdtemp(join(tmpdir(), 'lattice-dr-suite-'));
  const report = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile=${report}`];
  const args = ['run', '--root', ROOT, '--config', 'test/vitest.config.ts', '--project', name, ...reporters, ...extra];
  const { code, elapsedMs } = await runCommand({ name, file: join(ROOT, 'node_modules', '.bin', 'vitest'), args, cwd: ROOT, onOutput });
  const text = await readFile(report, 'utf8').catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
  return { files: text === undefined ? [] : (JSON.parse(text) as VitestReport).testResults, code, elapsedMs };
}

function counted({ files, code, elapsedMs }: Ran): Omit<Counts, 'name'> {
  const tests = files.flatMap((file) => file.assertionResults);
  const passed = tests.filter(({ status }) => status === 'passed').length;
  // A file that fails outside its tests, in a hook or while it is loaded, has no test that could be counted as failed.
  const failed = files.filter(isBroken).reduce((sum, file) => sum + Math.max(1, failedTests(file).length), 0);
  return {
    passed,
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: tests.filter(({ status }) => status !== 'passed' && status !== 'failed').length,
    elapsedMs,
    faults: files.filter(isBroken).flatMap(faultsOf),
  };
}

const isBroken = (file: FileResult): boolean => file.status === 'failed';
const failedTests = (file: FileResult): FileResult['assertionResults'] => file.assertionResults.filter(({ status }) => status === 'failed');

function faultsOf(file: FileResult): readonly string[] {
  const path = relative(ROOT, file.name);
  const tests = failedTests(file);
  if (tests.length === 0) return [`${path}: ${firstLine(file.message)}`];
  return tests.map(({ fullName, failureMessages }) => `${path}: ${fullName}: ${firstLine(failureMessages?.[0] ?? '')}`);
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 300);
}

/** One line for a suite, and one for each of its faults. */
export function countsLine({ name, passed, failed, skipped, elapsedMs, faults = [], unsteady = [] }: Counts): string {
  const line = `${failed > 0 ? 'FAILED' : 'passed'}  ${name}: ${passed} passed, ${failed} failed, ${skipped} skipped  ${seconds(elapsedMs)}`;
  return [line, ...faults.map((fault) => `  failed: ${fault}`), ...unsteady.map((fault) => `  failed once, and passed alone: ${fault}`)].join('\n');
}
