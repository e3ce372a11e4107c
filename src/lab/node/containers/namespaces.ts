import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { replaceFile } from '../../json-file.ts';

const run = promisify(execFile);

/** A file or folder of this machine and where a container sees it. */
export interface Mount {
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
}

/** What a container consists of besides its environment. */
export interface Sandbox {
  /** The container's own folder; holds the script that starts it and what it writes to places that are no volume. */
  readonly folder: string;
  /** Its image's files and its volumes. Everything else of the machine is out of its sight. */
  readonly mounts: readonly Mount[];
  /** Program, by its path in the container, and arguments. */
  readonly command: readonly string[];
}

/** Where a container's termination message goes unless its spec says otherwise (Kubernetes `terminationMessagePath`). */
const TERMINATION_LOG = '/dev/termination-log';
const DEVICES = ['/dev/null', '/dev/zero', '/dev/random', '/dev/urandom'];

/** File of a container's termination message on this machine. */
export function terminationLog(folder: string): string {
  return join(folder, 'termination-log');
}

/** Makes a container's own folder, empty as a new container's places are. */
export async function prepareFolder(folder: string): Promise<void> {
  for (const own of ['root', 'tmp', 'home']) {
    // Not the root: should anything ever be mounted there, it must not be removed.
    if (own !== 'root') await rm(join(folder, own), { recursive: true, force: true });
    await mkdir(join(folder, own), { recursive: true, mode: 0o700 });
  }
  await replaceFile(terminationLog(folder), '');
}

/**
 * Writes the script that makes a container's root and becomes its process, and gives the command that runs it. The root is a file system in memory with bind
 * mounts, in a mount namespace of its own: nothing of it is seen outside, and it is gone with the last process. One process from start to end, so that
 * whoever spawned it has the pid of the program. Network and process ids are the machine's, so the program serves on the machine's loopback.
 */
export async function prepareSandbox(sandbox: Sandbox): Promise<{ readonly file: string; readonly args: readonly string[] }> {
  const { folder } = sandbox;
  await prepareFolder(folder);
  const own = [
    { source: join(folder, 'tmp'), target: '/tmp' },
    { source: join(folder, 'home'), target: '/root' },
    { source: terminationLog(folder), target: TERMINATION_LOG },
  ];
  const devices = DEVICES.map((path) => ({ source: path, target: path }));
  const mounts = [...devices, ...own, ...sandbox.mounts].sort((a, b) => depth(a.target) - depth(b.target));
  const lines = await Promise.all(mounts.map(mountLine));
  const root = quote(join(folder, 'root'));
  const head = ['set -eu', 'PATH="$PATH:/usr/sbin:/sbin"', `mount -t tmpfs -o mode=755 tmpfs ${root}`, `cd ${root}`];
  const script = join(folder, 'start.sh');
  await replaceFile(script, [...head, ...lines, `exec chroot . ${sandbox.command.map(quote).join(' ')}`, ''].join('\n'));
  return { file: 'unshare', args: [...unshareFlags(), 'sh', script] };
}

/** Why this machine gives no container a mount namespace; `undefined` when it does. */
export async function namespaceFault(folder: string): Promise<string | undefined> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const probe = await mkdtemp(join(folder, 'namespace-'));
  try {
    await run('unshare', [...unshareFlags(), 'sh', '-c', 'PATH="$PATH:/usr/sbin:/sbin"; mount -t tmpfs tmpfs "$0" && chroot --version', probe]);
    return undefined;
  } catch (error) {
    const said = ((error as { readonly stderr?: string }).stderr ?? '').trim();
    return `this machine gives no mount namespace to user ${process.getuid?.()}: ${said === '' ? String(error) : said}`;
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

/** Whoever is not root is root in a user namespace of its own, where the system allows that. */
function unshareFlags(): readonly string[] {
  return process.getuid?.() === 0 ? ['--mount'] : ['--map-root-user', '--mount'];
}

async function mountLine({ source, target }: Mount): Promise<string> {
  const at = quote(`.${target}`);
  const isFolder = (await stat(source)).isDirectory();
  const make = isFolder ? `mkdir -p ${at}` : `mkdir -p ${quote(`.${target.slice(0, target.lastIndexOf('/'))}/`)}; : > ${at}`;
  return `${make}; mount --rbind ${quote(source)} ${at}`;
}

function depth(path: string): number {
  return path.split('/').length;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
