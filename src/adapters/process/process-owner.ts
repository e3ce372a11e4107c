import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { hostname, platform, userInfo } from 'node:os';
import { promisify } from 'node:util';
import type { ProcessOwner } from '../../ports/processes.ts';

/** Identity of this process, by which another one can tell later whether it still lives. */
export async function ownIdentity(): Promise<ProcessOwner> {
  const startTime = await startTimeOf(process.pid);
  if (startTime === undefined) throw new Error(`the start time of process ${process.pid} cannot be read`);
  return { host: hostname(), boot: await bootId(), pid: process.pid, startTime, user: userInfo().username };
}

/**
 * Says whether the process may still live. Only a process of this host, this boot and this PID namespace can be proven dead; for any other the answer
 * is `true`, because to take a live owner for dead is the worse mistake.
 */
export async function isSameProcessAlive(owner: ProcessOwner): Promise<boolean> {
  if (owner.host !== hostname() || owner.boot !== (await bootId())) return true;
  return (await startTimeOf(owner.pid)) === owner.startTime;
}

/** Kernel boot id with the PID namespace: the same pid in another container is another process. */
async function bootId(): Promise<string> {
  if (platform() === 'linux') {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return `${boot.trim()}/${await readlink('/proc/self/ns/pid')}`;
  }
  const { stdout } = await promisify(execFile)('sysctl', ['-n', 'kern.boottime']);
  return stdout.trim();
}

/** Start time of a living process, or `undefined`. A zombie has ended: nobody but its parent can tell it from a free pid. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  return platform() === 'linux' ? linuxStartTime(pid) : psStartTime(pid);
}

async function linuxStartTime(pid: number): Promise<string | undefined> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
  // The name in field 2 may hold spaces and brackets; what follows its last bracket is field 3 (state) and on; proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

async function psStartTime(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() === '' ? undefined : stdout.trim();
  } catch (error) {
    // ps exits 1 when there is no such process.
    if ((error as { readonly code?: unknown }).code === 1) return undefined;
    throw error;
  }
}
