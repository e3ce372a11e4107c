import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DrError } from '../../errors/dr-error.ts';

const run = promisify(execFile);

const PROBE = 'cd "$0" && mkdir upper work root && mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root && test -e root/bin && umount root';

/**
 * Why this system cannot give a lab machines of its own; `undefined` when it can. Tries it: a root laid over the system's own, in new mount, network and
 * process namespaces.
 */
export async function nodesFault(folder: string): Promise<string | undefined> {
  if (process.platform !== 'linux') return `machines of a lab need Linux namespaces; this is ${process.platform}`;
  if (process.getuid?.() !== 0) return `machines of a lab need root (mounts, network namespaces); this is user ${process.getuid?.()}`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const probe = await mkdtemp(join(folder, 'probe-'));
  try {
    await run('unshare', ['--mount', '--uts', '--ipc', '--net', '--pid', '--fork', '--kill-child', '--propagation', 'private', 'bash', '-c', PROBE, probe]);
    await run('ip', ['-V'], { env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` } });
    return undefined;
  } catch (error) {
    const said = ((error as { readonly stderr?: string }).stderr ?? '').trim();
    return `this system gives a lab no machines: ${said === '' ? String(error) : said}`;
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

/** Throws `LAB_NODES_UNSUPPORTED` with the reason. */
export async function requireNodes(folder: string): Promise<void> {
  const fault = await nodesFault(folder);
  if (fault === undefined) return;
  throw new DrError({
    code: 'LAB_NODES_UNSUPPORTED',
    message: fault,
    suggestions: ['run it as root on a Linux system with overlayfs, namespaces and iproute2', 'everything else of the lab works without: lattice-dr lab up'],
  });
}
