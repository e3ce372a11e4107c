import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { labCacheRoot, moduleCacheFolder } from './cache.ts';
import { type GoBuildStatus, goBuild } from './go-build.ts';
import { findGo } from './go-tool.ts';
import { locateBinary } from './locate.ts';
import { withLock } from './module-lock.ts';
import { type BinaryProgress, HEARTBEAT_MS, type OnProgress } from './progress.ts';
import { binaryOf, GO_MODULES, type GoModuleName, type LabBinaryName } from './versions.ts';

export interface EnsureBinariesOptions<Name extends LabBinaryName = LabBinaryName> {
  readonly names: readonly Name[];
  readonly onProgress?: OnProgress;
  /** Aborting kills a running build, compilers included. */
  readonly signal?: AbortSignal;
  /** Read for the folders of binaries, the cache folder and Go's own settings; `process.env` by default. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Name to absolute path. */
export type BinaryPaths<Name extends LabBinaryName = LabBinaryName> = Readonly<Record<Name, string>>;

/**
 * Finds each binary, or builds it: first LATTICE_DR_LAB_ASSETS and KUBEBUILDER_ASSETS, then the cache, then `go build`.
 * What is missing from one module is built together. Throws `LAB_GO_MISSING` and `LAB_BINARY_BUILD_FAILED`; rejects with the signal's reason.
 */
export async function ensureBinaries<Name extends LabBinaryName>(options: EnsureBinariesOptions<Name>): Promise<BinaryPaths<Name>> {
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const run = new EnsureRun({ ...options, signal });
  const missing = Map.groupBy(await run.takeFound(options.names), (name) => binaryOf(name).module);
  const [first, ...others] = (Object.keys(GO_MODULES) as GoModuleName[]).filter((module) => missing.has(module));
  const build = async (module: GoModuleName): Promise<void> => await run.build(module, missing.get(module) ?? []);
  if (first !== undefined) await build(first);
  const builds = others.map(build);
  try {
    await Promise.all(builds);
  } catch (error) {
    failed.abort(error); // the builds beside the failed one
    await Promise.allSettled(builds);
    throw error;
  }
  return Object.fromEntries(run.paths) as BinaryPaths<Name>;
}

class EnsureRun {
  readonly paths = new Map<LabBinaryName, string>();
  readonly #env: NodeJS.ProcessEnv;
  readonly #signal: AbortSignal;
  readonly #onProgress: OnProgress;
  readonly #started = performance.now();

  constructor({ env = process.env, signal = new AbortController().signal, onProgress = () => undefined }: EnsureBinariesOptions) {
    this.#env = env;
    this.#signal = signal;
    this.#onProgress = onProgress;
  }

  /** Records what needs no build and returns the rest. */
  async takeFound(names: readonly LabBinaryName[]): Promise<readonly LabBinaryName[]> {
    const missing: LabBinaryName[] = [];
    for (const name of new Set(names)) {
      const found = await locateBinary(name, this.#env);
      if (found === undefined) {
        missing.push(name);
        continue;
      }
      this.paths.set(name, found.path);
      this.#tell(name, { phase: 'cached', line: `found in ${found.source === 'cache' ? 'the cache' : found.source}` });
    }
    return missing;
  }

  async build(module: GoModuleName, names: readonly LabBinaryName[]): Promise<void> {
    const go = await findGo(this.#env);
    const path = join(labCacheRoot(this.#env), `${module}.lock`);
    let lastTold = -Infinity;
    const onWait = (pid: number): void => {
      if (performance.now() - lastTold < HEARTBEAT_MS) return;
      lastTold = performance.now();
      for (const name of names) this.#tell(name, { phase: 'waiting', line: `process ${pid} is building ${module}` });
    };
    await withLock({ path, signal: this.#signal, onWait }, async () => {
      // Whoever held the lock may have built them.
      const missing = await this.takeFound(names);
      if (missing.length > 0) await this.#buildMissing(go, module, missing);
    });
  }

  async #buildMissing(go: string, module: GoModuleName, names: readonly LabBinaryName[]): Promise<void> {
    const folder = await moduleCacheFolder(module, this.#env);
    const bin = join(folder, 'bin');
    await mkdir(bin, { recursive: true });
    await removeLeftovers(folder);
    const outputFolder = await mkdtemp(join(folder, 'building-'));
    const heartbeat = this.#heartbeat(names);
    try {
      const packages = names.map((name) => binaryOf(name).package);
      await goBuild({ go, module, packages, outputFolder, env: this.#env, signal: this.#signal, onStatus: heartbeat.update });
      for (const name of names) await rename(join(outputFolder, outputName(name)), join(bin, name));
    } finally {
      heartbeat.stop();
      await rm(outputFolder, { recursive: true, force: true });
    }
    for (const name of names) {
      this.paths.set(name, join(bin, name));
      this.#tell(name, { phase: 'built' });
    }
  }

  /** Tells of a build now and then, however many or few lines it prints. */
  #heartbeat(names: readonly LabBinaryName[]): { readonly update: (status: GoBuildStatus) => void; readonly stop: () => void } {
    let last: GoBuildStatus | undefined;
    const tell = (): void => {
      if (last !== undefined) for (const name of names) this.#tell(name, { phase: 'building', ...last });
    };
    const timer = setInterval(tell, HEARTBEAT_MS);
    return {
      update: (status) => {
        const first = last === undefined;
        last = status;
        if (first) tell();
      },
      stop: () => clearInterval(timer),
    };
  }

  #tell(binary: LabBinaryName, event: Omit<BinaryProgress, 'binary' | 'module' | 'elapsedMs'>): void {
    this.#onProgress({ binary, module: binaryOf(binary).module, elapsedMs: performance.now() - this.#started, ...event });
  }
}

/** Of builds that were killed: we hold the lock, so nobody is using them. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (entry.startsWith('building-')) await rm(join(folder, entry), { recursive: true, force: true });
  }
}

/** Go names a binary after the last element of its path that is not a major version. */
function outputName(name: LabBinaryName): string {
  return basename(binaryOf(name).package.replace(/\/v\d+$/, ''));
}
