import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Mounts of a private namespace need root; without it, tests that mount are skipped, and say so. */
export const canMount = process.getuid?.() === 0 && process.platform === 'linux';

/** Runs shell lines in a mount namespace of their own: what they mount is gone with them. */
export async function inMounts(lines: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run('unshare', ['--mount', 'sh', '-ec', lines.join('\n')]);
  return stdout.split('\n').filter((line) => line !== '');
}
