import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { GO_SOURCES, type GoModuleName, moduleOf } from './versions.ts';

/** `${XDG_CACHE_HOME:-~/.cache}/lattice-dr/lab`. */
export function labCacheRoot(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(env['HOME'] ?? homedir(), '.cache') : base, 'lattice-dr', 'lab');
}

/** The folder of one module's cached binaries: `<root>/<key>/bin`. */
export async function moduleCacheFolder(name: GoModuleName, env: NodeJS.ProcessEnv): Promise<string> {
  return join(labCacheRoot(env), await moduleKey(name));
}

/**
 * `<module>-<12 hex digits>`: changes with go.mod, go.sum, our own sources, the flags and the platform, not with the
 * version of Go, so that a newer Go does not throw good binaries away.
 */
async function moduleKey(name: GoModuleName): Promise<string> {
  const folder = join(GO_SOURCES, name);
  const hash = createHash('sha256');
  for (const path of await sourcesOf(folder)) {
    hash
      .update(`${path}\0`)
      .update(await readFile(join(folder, path)))
      .update('\0');
  }
  const { ldflags, unoptimised } = moduleOf(name);
  hash.update(JSON.stringify({ ldflags, unoptimised, platform: process.platform, arch: process.arch }));
  return `${name}-${hash.digest('hex').slice(0, 12)}`;
}

/** What goes into a binary, relative to the module's folder and sorted; tests do not. */
async function sourcesOf(folder: string): Promise<readonly string[]> {
  const all = await readdir(folder, { recursive: true });
  return all.filter((path) => path === 'go.mod' || path === 'go.sum' || (path.endsWith('.go') && !path.endsWith('_test.go'))).sort();
}
