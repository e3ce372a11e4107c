import { existsSync } from 'node:fs';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../command.ts';

/** The stand-in of Azure Blob Storage that Microsoft publishes, with its lock file. Its dependencies weigh more than all of ours, so they are in nobody's `npm ci`. */
const SOURCE = join(import.meta.dirname, '..', 'azurite');
const VERSION = '3.37.0';
const FOLDER = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'lattice-dr', 'lab', `azurite-${VERSION}`);

/** Its program for blobs, once it is installed. */
export const AZURITE = join(FOLDER, 'node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js');

/** Installs it where it is not yet there. Says what failed, or nothing. */
export async function ensureAzurite(): Promise<string | undefined> {
  if (existsSync(AZURITE)) return undefined;
  const part = `${FOLDER}.${process.pid}.part`;
  await mkdir(part, { recursive: true });
  await cp(SOURCE, part, { recursive: true });
  const args = ['ci', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const { code, output } = await runCommand({ name: 'azurite', file: 'npm', args, cwd: part });
  if (code === 0) await rename(part, FOLDER).catch(() => undefined);
  await rm(part, { recursive: true, force: true });
  return existsSync(AZURITE) ? undefined : `azurite could not be installed: ${output.slice(-1_000)}`;
}
