import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DrError } from '../../../errors/dr-error.ts';
import type { LabOperation } from '../../progress.ts';
import { setCable } from '../network.ts';
import type { LabNode, NodeSet } from '../node-set.ts';
import { runCommand } from '../run-command.ts';
import { containersInside, runInside } from './inside.ts';
import { getInitPid, powerOff } from './power.ts';

/** Which machine a fault strikes. */
export interface NodeFault extends LabOperation {
  readonly set: NodeSet;
  readonly node: LabNode;
}

/** What is written into a machine's data disk to fill it. */
const FILLER = '/var/lib/etcd/.lab-filler';
/** Shadows the system's program in PATH. */
const DATE = '/usr/local/bin/date';
/** Bytes that may pass at once, as a share of a second; tbf(8) wants at least one packet. */
const LEAST_BURST = 4_000;

/**
 * Takes a machine's disks away, switching it off. Switched on again it is as new from its image: reachable by SSH under the same host key, with the programs,
 * without Kubernetes, its certificates or data.
 */
export async function loseDisk({ node, ...operation }: NodeFault): Promise<void> {
  await powerOff(node, operation);
  for (const part of ['upper', 'work', 'kubernetes', 'data.img']) await rm(join(node.directory, part), { recursive: true, force: true });
}

/** Cuts a machine off from everybody, SSH included, or takes it back. */
export async function partition({ node, signal }: NodeFault, state: 'cut' | 'healed'): Promise<void> {
  await setCable(node, state === 'cut' ? 'down' : 'up', signal);
}

/** Lets what goes to a machine and comes from it pass at so many bytes a second; 0 takes that away. Slow, not late: kernels without netem cannot delay. */
export async function slowLink({ set, node, signal }: NodeFault, bytesPerSecond: number): Promise<void> {
  const pid = await getInitPid(node, set.directory);
  const shaping = [
    'root',
    'tbf',
    'rate',
    `${bytesPerSecond * 8}bit`,
    'burst',
    String(Math.max(LEAST_BURST, Math.round(bytesPerSecond / 10))),
    'latency',
    '400ms',
  ];
  const change = (device: string): readonly string[] => [
    'qdisc',
    ...(bytesPerSecond === 0 ? ['del', 'dev', device, 'root'] : ['replace', 'dev', device, ...shaping]),
  ];
  await runCommand('tc', change(node.cable), { signal });
  await runCommand('nsenter', [`--net=/proc/${pid}/ns/net`, 'tc', ...change('eth0')], { signal });
}

/** Fills the disk that etcd's data is on, to the last block, or frees it again. Only for machines with a data disk of their own. */
export async function fillDisk({ set, node, signal }: NodeFault, state: 'full' | 'freed'): Promise<void> {
  if (set.dataDiskMiB === undefined) {
    throw new DrError({
      code: 'LAB_NOT_RUNNING',
      message: `etcd of ${node.name} is on the disk of this system, which is not filled for practice`,
      suggestions: ['make the machines with a data disk: lattice-dr lab up --nodes 3 --data-disk 256'],
    });
  }
  // dd ends with an error when nothing fits any more, which is what is wanted.
  const fill = `dd if=/dev/zero of=${FILLER} bs=64k 2>/dev/null; dd if=/dev/zero of=${FILLER} bs=512 oflag=append conv=notrunc 2>/dev/null; sync ${FILLER}`;
  await runInside(set, node, { args: ['/bin/sh', '-c', state === 'full' ? fill : `rm -f ${FILLER}`], signal });
}

/**
 * Lets a machine's `date` run ahead by so many seconds, or behind; 0 takes that away. Only what asks `date` by name sees it: Linux has one clock for all
 * namespaces, so that etcd, certificates and leases go by this system's.
 */
export async function skewClock({ set, node, signal }: NodeFault, seconds: number): Promise<void> {
  const pid = await getInitPid(node, set.directory);
  const path = join(`/proc/${pid}/root`, DATE);
  if (seconds === 0) return await rm(path, { force: true });
  const asked = '*" -d"*|*" --date"*|*" -s"*|*" --set"*|*" -r"*|*" --reference"*';
  const script = `#!/bin/sh\ncase " $*" in ${asked}) exec /bin/date "$@" ;; esac\nexec /bin/date -d '${seconds} seconds' "$@"\n`;
  await writeFile(path, script, { mode: 0o755 });
  signal.throwIfAborted();
}

/** Stops a component's process without ending it, so that it holds its ports and answers nobody, or lets it go on. */
export async function holdProcess(
  { set, node, signal }: NodeFault,
  options: { readonly component: string; readonly state: 'held' | 'released' },
): Promise<void> {
  const { component, state } = options;
  const found = (await containersInside(set, node)).findLast((container) => container.name === component);
  const pid = found?.pid ?? (await unitPid(set, node, { component, signal }));
  await runInside(set, node, { args: ['/bin/kill', state === 'held' ? '-STOP' : '-CONT', String(pid)], signal });
}

async function unitPid(set: NodeSet, node: LabNode, { component, signal }: { readonly component: string; readonly signal: AbortSignal }): Promise<number> {
  const pid = Number(await runInside(set, node, { args: ['/usr/local/bin/systemctl', 'show', '--value', '-p', 'MainPID', component], signal }));
  if (pid > 0) return pid;
  throw new DrError({ code: 'LAB_NOT_RUNNING', message: `no ${component} runs on ${node.name}` });
}
