import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrError } from '../../errors/dr-error.ts';
import { eagerGo } from '../go-memory.ts';
import { GO_SOURCES, type GoModuleName, moduleOf } from './versions.ts';

export interface GoBuildOptions {
  readonly go: string;
  readonly module: GoModuleName;
  /** Import paths, or paths relative to the module. */
  readonly packages: readonly string[];
  /** An existing folder; each binary gets the name Go gives it. */
  readonly outputFolder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Called when something changes; counts only grow. */
  readonly onStatus: (status: GoBuildStatus) => void;
}

export interface GoBuildStatus {
  readonly compiled: number;
  readonly total?: number;
  readonly line: string;
}

/** How long a build may take to clear its work folder after SIGINT; SIGTERM would leave it behind. */
const GRACE_MS = 5_000;
const QUOTED_LINES = 20;

/**
 * One `go build` of several packages, so that the linking of one overlaps with the compiling of the next. A killed
 * build is resumed by the next one, thanks to Go's own cache. Throws `LAB_BINARY_BUILD_FAILED`, or the signal's reason.
 */
export async function goBuild(options: GoBuildOptions): Promise<void> {
  const { module, packages, outputFolder, onStatus } = options;
  const flags = buildFlags(module);
  let status: GoBuildStatus = { compiled: 0, line: 'resolving packages' };
  const say = (change: Partial<GoBuildStatus>): void => {
    status = { ...status, ...change };
    onStatus(status);
  };
  say({});
  const stale = await runGo({
    ...options,
    arguments: ['list', '-deps', ...flags, '-f', '{{if .Stale}}{{.ImportPath}}{{end}}', ...packages],
    onLine: (line) => say({ line: shorten(line) }),
  });
  say({ total: stale.length, line: `${stale.length} packages to compile` });
  await runGo({
    ...options,
    arguments: ['build', '-v', ...flags, '-o', `${outputFolder}/`, ...packages],
    onLine: (line) => say({ compiled: status.compiled + (isPackage(line) ? 1 : 0), line: shorten(line) }),
  });
}

function buildFlags(module: GoModuleName): readonly string[] {
  const { ldflags, unoptimised } = moduleOf(module);
  // -mod and -buildvcs guard against what a user's GOFLAGS or an odd git state would change.
  return ['-mod=readonly', '-buildvcs=false', '-trimpath', `-ldflags=${ldflags.join(' ')}`, ...unoptimised.map((pattern) => `-gcflags=${pattern}=-N -l`)];
}

/** `go build -v` prints the import path of each package as its compilation begins; everything else has spaces or a colon. */
function isPackage(line: string): boolean {
  return /^[\w.~-]+(\/[\w.~-]+)*$/.test(line);
}

function shorten(line: string): string {
  return line.replace(/^go: downloading (\S+) (\S+).*$/, 'downloading $1 $2');
}

interface RunGoOptions extends GoBuildOptions {
  readonly arguments: readonly string[];
  readonly onLine: (line: string) => void;
}

/** Resolves with the lines of standard output. */
async function runGo(options: RunGoOptions): Promise<readonly string[]> {
  const { go, module, env, signal, onLine } = options;
  signal.throwIfAborted();
  const child = spawn(go, options.arguments, {
    cwd: join(GO_SOURCES, module),
    env: { ...eagerGo(), ...env, CGO_ENABLED: '0', GOWORK: 'off' },
    detached: true, // its own process group, so that an abort reaches the compilers too
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  const tail: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => output.push(line));
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (!isPackage(line) && !line.startsWith('go: downloading')) keepTail(tail, line);
    onLine(line);
  });
  const stop = (): void => void killGroup(child);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    signal.throwIfAborted();
    if (code !== 0) throw buildFailed({ ...options, tail, code });
    return output.filter((line) => line !== '');
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function keepTail(tail: string[], line: string): void {
  tail.push(line);
  if (tail.length > QUOTED_LINES) tail.shift();
}

async function killGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  signalGroup(child.pid, 'SIGINT');
  await sleep(GRACE_MS, undefined, { ref: false });
  if (child.exitCode === null && child.signalCode === null) signalGroup(child.pid, 'SIGKILL');
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // already gone
  }
}

interface BuildFailure extends RunGoOptions {
  readonly tail: readonly string[];
  readonly code: number | null;
}

function buildFailed(failure: BuildFailure): DrError {
  const { module, packages, tail, code } = failure;
  const offline = tail.some((line) => /dial tcp|no such host|i\/o timeout|connection refused/.test(line));
  const full = tail.some((line) => line.includes('no space left on device'));
  const killed = code === null || tail.some((line) => line.includes('signal: killed'));
  return new DrError({
    code: 'LAB_BINARY_BUILD_FAILED',
    message: `go could not build ${packages.join(', ')} (module ${module}): ${tail.join('\n') || `it ended with ${code ?? 'a signal'}`}`,
    suggestions: [
      ...(offline ? ['make a Go module proxy reachable (GOPROXY)'] : []),
      ...(full ? ['free some disk space: a cold build of everything needs about 6 GB in the folders of GOCACHE and GOMODCACHE'] : []),
      ...(killed ? ['free some memory: the linker needs about 1 GB'] : []),
      'run it again: what is already compiled is kept',
      'or set LATTICE_DR_LAB_ASSETS to a folder that holds the binaries by name',
    ],
    details: { module, packages: [...packages] },
  });
}
