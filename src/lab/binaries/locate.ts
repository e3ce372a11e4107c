import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { moduleCacheFolder } from './cache.ts';
import { binaryOf, type LabBinaryName } from './versions.ts';

const run = promisify(execFile);

export interface Located {
  readonly path: string;
  /** Where it was found: the variable's name, or `cache`. */
  readonly source: 'LATTICE_DR_LAB_ASSETS' | 'KUBEBUILDER_ASSETS' | 'cache';
}

/** Finds a binary without building: first where the user says, then where envtest keeps its servers, then in the cache. */
export async function locateBinary(name: LabBinaryName, env: NodeJS.ProcessEnv): Promise<Located | undefined> {
  const own = inFolder(env['LATTICE_DR_LAB_ASSETS'], name);
  if (own !== undefined && (await isExecutable(own))) return { path: own, source: 'LATTICE_DR_LAB_ASSETS' };
  const envtest = inFolder(env['KUBEBUILDER_ASSETS'], name);
  // Often set for other work, with other versions; only the minor version has to agree.
  if (envtest !== undefined && (await isExecutable(envtest)) && (await hasVersion(name, envtest))) return { path: envtest, source: 'KUBEBUILDER_ASSETS' };
  const cached = join(await moduleCacheFolder(binaryOf(name).module, env), 'bin', name);
  return (await isExecutable(cached)) ? { path: cached, source: 'cache' } : undefined;
}

function inFolder(folder: string | undefined, name: string): string | undefined {
  return folder === undefined || folder === '' ? undefined : resolve(folder, name);
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function hasVersion(name: LabBinaryName, path: string): Promise<boolean> {
  const { version, versionArguments } = binaryOf(name);
  if (versionArguments === undefined) return true;
  const minor = version.split('.').slice(0, 2).join('.');
  try {
    const { stdout } = await run(path, [...versionArguments], { timeout: 10_000 });
    return new RegExp(`\\bv?${minor.replace('.', '\\.')}\\.\\d`).test(stdout);
  } catch {
    return false;
  }
}
