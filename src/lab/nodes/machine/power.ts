import { mkdir, readFile, readlink, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DrError } from '../../../errors/dr-error.ts';
import { layoutOf } from '../../layout.ts';
import type { LabOperation } from '../../progress.ts';
import { findRecord, processOf } from '../../supervise/record.ts';
import type { ServerSpec } from '../../supervise/server-spec.ts';
import { startServer } from '../../supervise/start-server.ts';
import { stopServer } from '../../supervise/stop-server.ts';
import { ensureBridge, plugIn, unplug } from '../network.ts';
import type { LabNode, NodeSet } from '../node-set.ts';
import { runCommand } from '../run-command.ts';

/** A machine answers SSH within a second; the rest is for a system that is busy. */
const BOOT_MS = 120_000;
const SSH_PORT = 22;
/** The kernel takes a connection at once; a packet that was sent before the machine's link was up is repeated only after a second. */
const CONNECT_MS = 200;
/** Its program may have to wait for a processor. */
const GREETING_MS = 1_500;

/** Everything that `unshare` gives a machine of its own. `--kill-child`: whoever kills the outer process switches the machine off. */
const NAMESPACES = ['--mount', '--uts', '--ipc', '--net', '--pid', '--fork', '--kill-child', '--propagation', 'private'];

/** Switches a machine on; one that runs is left as it is. Resolves when its SSH server answers. Throws `LAB_SERVER_FAILED` with the end of its log. */
export async function powerOn(set: NodeSet, node: LabNode, operation: LabOperation): Promise<void> {
  await ensureBridge(set, operation.signal);
  for (const folder of ['upper', 'work', 'root']) await mkdir(join(node.directory, folder), { recursive: true, mode: 0o755 });
  if (set.dataDiskMiB !== undefined) await ensureDataDisk(node, set.dataDiskMiB, operation.signal);
  await startServer(await machineSpec(set, node), operation);
}

/** A file that is formatted once; the machine mounts it where etcd's data is. */
async function ensureDataDisk(node: LabNode, sizeMiB: number, signal: AbortSignal): Promise<void> {
  const path = join(node.directory, 'data.img');
  if ((await stat(path).catch(() => undefined)) !== undefined) return;
  const draft = `${path}.draft`;
  await writeFile(draft, '');
  await truncate(draft, sizeMiB * 1_024 * 1_024);
  await runCommand('mkfs.ext4', ['-q', '-F', draft], { signal });
  await rename(draft, path);
}

/** Takes the power away: every process of the machine is killed at once, its disk stays. Nothing is left of its mounts and its network. */
export async function powerOff(node: LabNode, operation: LabOperation & { readonly keepWanted?: boolean }): Promise<void> {
  const { keepWanted = false } = operation;
  await stopServer({ ...operation, id: node.server, force: true, keepWanted });
  await unplug(node, operation.signal);
}

/** The machine's process 1 as this system numbers it; `undefined` while it is off. */
export async function initPid(node: LabNode, labDirectory: string): Promise<number | undefined> {
  const outer = await outerPid(node, labDirectory);
  if (outer === undefined) return undefined;
  const children = await readFile(`/proc/${outer}/task/${outer}/children`, 'utf8').catch(() => '');
  const [first] = children.trim().split(' ');
  return first === undefined || first === '' ? undefined : Number(first);
}

/** Like `initPid`. Throws `LAB_NOT_RUNNING` while the machine is off. */
export async function getInitPid(node: LabNode, labDirectory: string): Promise<number> {
  const pid = await initPid(node, labDirectory);
  if (pid !== undefined) return pid;
  throw new DrError({
    code: 'LAB_NOT_RUNNING',
    message: `the machine ${node.name} is switched off`,
    suggestions: [`switch it on: lattice-dr lab fault power-on --node ${node.name}`],
  });
}

async function outerPid(node: LabNode, labDirectory: string): Promise<number | undefined> {
  const record = await findRecord(labDirectory, node.server);
  return record === undefined ? undefined : processOf(record)?.pid;
}

async function machineSpec(set: NodeSet, node: LabNode): Promise<ServerSpec> {
  const script = fileURLToPath(new URL('./boot.sh', import.meta.url));
  let pluggedIn = false;
  return {
    id: node.server,
    file: 'unshare',
    args: [...NAMESPACES, '/bin/bash', script, node.directory, node.name, ...(await placesElsewhere(set.programs))],
    workDirectory: node.directory,
    logPath: join(layoutOf(set.directory).logs, `${node.server}.log`),
    readyTimeoutMs: BOOT_MS,
    isReady: async (signal) => {
      pluggedIn ||= await plugInWhenSeparate(set, node, signal);
      return pluggedIn && (await greets(node.address, signal));
    },
  };
}

/** Folders with our programs that lie on another file system than the root: an overlay shows the root's own files only. */
async function placesElsewhere(programs: readonly string[]): Promise<readonly string[]> {
  const { dev } = await stat('/');
  const elsewhere = await Promise.all(programs.map(async (path) => ((await stat(path)).dev === dev ? [] : [path])));
  return elsewhere.flat();
}

/** The process has its own namespaces a moment after it was started. */
async function plugInWhenSeparate(set: NodeSet, node: LabNode, signal: AbortSignal): Promise<boolean> {
  const pid = await outerPid(node, set.directory);
  if (pid === undefined || (await readlink(`/proc/${pid}/ns/net`)) === (await readlink('/proc/self/ns/net'))) return false;
  await plugIn(set, node, { pid, signal });
  return true;
}

/** An SSH server speaks first. */
async function greets(host: string, signal: AbortSignal): Promise<boolean> {
  return await new Promise<boolean>((resolveWith) => {
    const socket = connect({ host, port: SSH_PORT, signal: AbortSignal.any([signal, AbortSignal.timeout(GREETING_MS)]) });
    const unanswered = setTimeout(() => socket.destroy(), CONNECT_MS);
    for (const event of ['connect', 'close']) socket.once(event, () => clearTimeout(unanswered));
    socket.once('data', (data) => {
      resolveWith(data.toString().startsWith('SSH-'));
      socket.destroy();
    });
    socket.once('error', () => resolveWith(false));
    socket.once('close', () => resolveWith(false));
  });
}
