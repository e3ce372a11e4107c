import { chmod, copyFile, mkdir, readdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { replaceFile } from '../../json-file.ts';
import { labProgram } from '../../servers/stand-in.ts';
import { etcdUnit } from '../control-plane/etcd-unit.ts';
import type { LabImages } from '../kubelet/images.ts';
import { KUBELET_CONFIG, LAB_KUBELET_FILE } from '../kubelet/kubelet-config.ts';
import type { KubeletBehaviour, LabNode, NodeSet } from '../node-set.ts';
import { RKE2_UNIT, rke2Unit } from '../rke2/install.ts';

/** What a machine's commands are, by path, and which of our programs does it. */
const COMMANDS = {
  'etc/lattice-dr-lab/units': 'nodes/systemd/main',
  'usr/bin/kubelet': 'nodes/kubelet/main',
  'usr/local/bin/systemctl': 'nodes/systemctl/main',
  'usr/local/bin/crictl': 'nodes/crictl/main',
  'usr/local/bin/ctr': 'nodes/ctr/main',
} as const;

const UNITS = 'usr/lib/systemd/system';
/** Where a machine keeps the compiled code of its commands: they are started often, and compiling takes half of their time. */
const COMPILED = '/var/cache/lattice-dr-lab';

/** The unit that comes with the kubelet's package (kubernetes/release `cmd/krel/templates/latest/kubelet/kubelet.service`). */
function kubeletUnit({ maxRestartMs }: KubeletBehaviour): string {
  return `[Unit]
Description=kubelet: The Kubernetes Node Agent
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
RestartSec=${Math.min(10_000, maxRestartMs)}ms
# The containers are not in the unit's control group.
KillMode=process

[Install]
WantedBy=multi-user.target
`;
}

/** The system of a machine as it comes from its image: what it has before it is a part of any cluster, and after its disk was replaced. */
export async function writeImage(set: NodeSet, node: LabNode, images: LabImages): Promise<void> {
  const root = join(node.directory, 'image');
  const own = join(root, 'etc/lattice-dr-lab');
  await mkdir(own, { recursive: true });
  await copyFile(fileURLToPath(new URL('./init.sh', import.meta.url)), join(own, 'init.sh'));
  await writeText(join(root, 'etc/hostname'), `${node.name}\n`);
  await writeText(join(root, 'etc/hosts'), hosts(set));
  await writeText(join(own, 'images.json'), JSON.stringify(images));
  for (const [path, program] of Object.entries(COMMANDS)) await writeProgram(join(root, path), labProgram(program));
  if (set.preset === 'rke2') await writeRke2(root, set);
  else {
    await writeText(join(root, UNITS, 'kubelet.service'), kubeletUnit(set.kubelet));
    await enable(root, 'kubelet.service');
  }
  for (const { path, text } of kubeletFiles(node, set.kubelet)) await writeText(join(root, path), text);
  if (set.preset === 'systemd' && node.only !== 'api') await installEtcd(root, set, images);
  await openFolders(root);
}

/** The configuration of a machine's kubelet. */
export function kubeletFiles(
  node: LabNode,
  { fileCheckMs, heartbeatMs, maxRestartMs, slowStopMs }: KubeletBehaviour,
): readonly { readonly path: string; readonly text: string }[] {
  const config = stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    staticPodPath: '/etc/kubernetes/manifests',
    fileCheckFrequency: `${fileCheckMs}ms`,
    nodeLeaseDurationSeconds: Math.max(1, Math.round((heartbeatMs * 4) / 1_000)),
    crashLoopBackOff: { maxContainerRestartPeriod: `${maxRestartMs}ms` },
  });
  return [
    { path: KUBELET_CONFIG, text: config },
    { path: LAB_KUBELET_FILE, text: JSON.stringify({ slowStopMs, address: node.address }) },
  ];
}

/** Folders are laid over the system's own and take their place with their rights; only what is in them may be private. */
export async function openFolders(root: string): Promise<void> {
  await chmod(root, 0o755);
  for (const entry of await readdir(root, { withFileTypes: true })) if (entry.isDirectory()) await openFolders(join(root, entry.name));
}

/** Lets a unit start with the machine. */
export async function enable(root: string, unit: string): Promise<void> {
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants');
  await mkdir(wants, { recursive: true });
  await symlink(join('/', UNITS, unit), join(wants, unit));
}

/** etcd from a package: its programs in PATH and a unit without settings. */
async function installEtcd(root: string, set: NodeSet, images: LabImages): Promise<void> {
  const [, image] = Object.entries(images).find(([name]) => name.includes('/etcd:')) ?? [];
  for (const program of image?.programs ?? []) await symlink(join(image?.folder ?? '', program), join(root, 'usr/local/bin', program));
  await writeText(join(root, UNITS, 'etcd.service'), etcdUnit(set.kubelet.maxRestartMs));
}

/** What comes with rke2's archive: its programs and its unit, which is not enabled by that. */
async function writeRke2(root: string, set: NodeSet): Promise<void> {
  await writeProgram(join(root, 'usr/local/bin/rke2'), labProgram('nodes/rke2/main'));
  const killall = join(root, 'usr/local/bin/rke2-killall.sh');
  await copyFile(fileURLToPath(new URL('../rke2/killall.sh', import.meta.url)), killall);
  await chmod(killall, 0o755);
  await writeText(join(root, UNITS, RKE2_UNIT), rke2Unit(set.kubelet.maxRestartMs));
}

/** A script that runs one of our programs with the Node.js of this system, which the machine sees. */
async function writeProgram(path: string, program: string): Promise<void> {
  await writeText(path, `#!/bin/sh\nNODE_COMPILE_CACHE=${COMPILED} exec '${process.execPath}' '${program}' "$@"\n`);
  await chmod(path, 0o755);
}

function hosts(set: NodeSet): string {
  return ['127.0.0.1 localhost', ...set.nodes.map((node) => `${node.address} ${node.name}`), ''].join('\n');
}

/** Readable for everybody in the machine, as the original is. */
async function writeText(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, text);
  await chmod(path, 0o644);
}
