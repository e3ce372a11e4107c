import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { appendFile, chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SSHD = '/usr/sbin/sshd';

/** Why no machine can be made here; empty when one can. */
export function missingForMachines(): readonly string[] {
  return [
    ...(process.getuid?.() === 0 ? [] : ['root']),
    ...[SSHD, '/usr/bin/unshare', '/usr/bin/ssh', '/usr/bin/ssh-keygen'].filter((path) => !existsSync(path)),
  ];
}

export interface MachineOptions {
  readonly folder: string;
  readonly port: number;
  /** Run in the machine's namespaces before its sshd starts, in its folder. */
  readonly prepare?: string;
  /** More lines of sshd_config. */
  readonly config?: readonly string[];
}

/**
 * A machine: a real sshd as first process of a PID namespace, with a mount namespace in which `/var/lib` and `/run` are its own. What is in `/var/lib` lasts when
 * it is switched off, like a disk.
 */
export interface SshdMachine extends AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  /** Private key that it lets in as root. */
  readonly key: string;
  readonly hostKey: string;
  readonly log: string;
  /** Its `/var/lib`, as this machine sees it. */
  readonly disk: string;
  /** Ends every process of it at once, as a power cut does. */
  powerOff(): Promise<void>;
  powerOn(): Promise<void>;
  /** Kills the processes that serve open connections, and leaves what they started. */
  cutConnections(): Promise<number>;
  /** Pids of its processes as this machine sees them. */
  processes(): Promise<readonly number[]>;
}

async function makeKey(file: string): Promise<string> {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file]);
  return file;
}

/** Makes a machine and switches it on. */
export async function startMachine(options: MachineOptions): Promise<SshdMachine> {
  const { folder, port } = options;
  await mkdir(join(folder, 'disk'), { recursive: true });
  const [key, hostKey] = [await makeKey(join(folder, 'key')), await makeKey(join(folder, 'host'))];
  await writeFile(join(folder, 'authorized'), await readFile(`${key}.pub`));
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${join(folder, 'authorized')}`,
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'StrictModes no',
    'PidFile none',
    'LogLevel VERBOSE',
    'MaxStartups 100',
    ...(options.config ?? []),
  ];
  await writeFile(join(folder, 'sshd_config'), `${lines.join('\n')}\n`);
  const machine = new Machine(options, { key, hostKey });
  await machine.powerOn();
  return machine;
}

/** A line for known_hosts. */
export async function knownHost({ hostKey, port }: { readonly hostKey: string; readonly port: number }, name = '127.0.0.1'): Promise<string> {
  return `[${name}]:${port} ${await readFile(`${hostKey}.pub`, 'utf8')}`;
}

class Machine implements SshdMachine {
  readonly folder: string;
  readonly port: number;
  readonly key: string;
  readonly hostKey: string;
  readonly log: string;
  readonly disk: string;
  readonly #prepare: string;
  #child: ChildProcess | undefined;

  constructor({ folder, port, prepare = '' }: MachineOptions, { key, hostKey }: { readonly key: string; readonly hostKey: string }) {
    this.folder = folder;
    this.port = port;
    this.key = key;
    this.hostKey = hostKey;
    this.log = join(folder, 'sshd.log');
    this.disk = join(folder, 'disk');
    this.#prepare = prepare;
  }

  async powerOn(): Promise<void> {
    const script = [
      'set -e',
      'cd "$1"',
      'mount --bind disk /var/lib',
      'mount -t tmpfs tmpfs /run',
      'mkdir -m 755 /run/sshd',
      this.#prepare,
      `exec ${SSHD} -D -e -f "$1/sshd_config"`,
    ].join('\n');
    await appendFile(this.log, '');
    const log = openSync(this.log, 'a');
    const args = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', script, 'machine', this.folder];
    const child = spawn('/usr/bin/unshare', args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(20)) {
      if (child.exitCode !== null) break;
      if (await answers(this.port)) return;
    }
    throw new Error(`sshd did not start:\n${(await readFile(this.log, 'utf8')).slice(-2_000)}`);
  }

  async powerOff(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
    });
    const init = (await childrenOf(child.pid ?? 0))[0];
    // The first process of a PID namespace takes all others with it.
    if (init === undefined) child.kill('SIGKILL');
    else process.kill(init, 'SIGKILL');
    await ended;
  }

  async cutConnections(): Promise<number> {
    const [init] = await childrenOf(this.#child?.pid ?? 0);
    const sessions: number[] = [];
    for (const pid of await childrenOf(init ?? 0)) if ((await commandOf(pid)).startsWith('sshd:')) sessions.push(pid, ...(await childrenOf(pid)));
    const serving: number[] = [];
    for (const pid of sessions) if ((await commandOf(pid)).startsWith('sshd:')) serving.push(pid);
    for (const pid of serving) process.kill(pid, 'SIGKILL');
    return serving.length;
  }

  async processes(): Promise<readonly number[]> {
    const all: number[] = [];
    const more = [this.#child?.pid ?? 0];
    for (let pid = more.pop(); pid !== undefined; pid = more.pop()) {
      const children = await childrenOf(pid);
      all.push(...children);
      more.push(...children);
    }
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.powerOff();
  }
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(tasks.map(async (task) => await readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')));
  return lists.flatMap((list) => list.split(' ').filter((word) => word !== '')).map(Number);
}

async function commandOf(pid: number): Promise<string> {
  return await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** An SSH configuration of the user's, and the known hosts it names. */
export async function writeClientConfig(folder: string, config: readonly string[], knownHosts: readonly string[]): Promise<string> {
  const file = join(folder, 'ssh_config');
  await writeFile(join(folder, 'known_hosts'), knownHosts.join(''));
  await writeFile(file, `${[`UserKnownHostsFile ${join(folder, 'known_hosts')}`, 'GlobalKnownHostsFile none', ...config].join('\n')}\n`);
  await chmod(file, 0o600);
  return file;
}
