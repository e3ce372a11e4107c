import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { replaceFile } from '../../json-file.ts';
import { labProgram } from '../../servers/stand-in.ts';
import type { KubeletBehaviour, LabNode, NodeSet } from '../node-set.ts';

/** The system of a machine as it comes from its image: what it has before it is a part of any cluster, and after its disk was replaced. */
export async function writeImage(set: NodeSet, node: LabNode, images: Readonly<Record<string, string>>): Promise<void> {
  const root = join(node.directory, 'image');
  const own = join(root, 'etc/lattice-dr-lab');
  await mkdir(own, { recursive: true, mode: 0o755 });
  await copyFile(fileURLToPath(new URL('./init.sh', import.meta.url)), join(own, 'init.sh'));
  await writeFolderModes(root);
  await replaceFile(join(root, 'etc/hostname'), `${node.name}\n`);
  await writeText(join(root, 'etc/hosts'), hosts(set));
  await replaceFile(join(own, 'kubelet.json'), JSON.stringify({ slowStopMs: set.kubelet.slowStopMs, address: node.address, images }));
  await replaceFile(join(root, 'var/lib/kubelet/config.yaml'), kubeletConfig(set.kubelet));
  await writeProgram(join(own, 'units'), labProgram('nodes/kubelet/main'));
}

/** A KubeletConfiguration, as kubeadm writes one. */
function kubeletConfig({ fileCheckMs, heartbeatMs, maxRestartMs }: KubeletBehaviour): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    staticPodPath: '/etc/kubernetes/manifests',
    fileCheckFrequency: `${fileCheckMs}ms`,
    nodeLeaseDurationSeconds: Math.max(1, Math.round((heartbeatMs * 4) / 1_000)),
    crashLoopBackOff: { maxContainerRestartPeriod: `${maxRestartMs}ms` },
  });
}

/** A script that runs one of our programs with the Node.js of this system, which the machine sees. */
async function writeProgram(path: string, program: string): Promise<void> {
  await writeText(path, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
  await chmod(path, 0o755);
}

function hosts(set: NodeSet): string {
  return ['127.0.0.1 localhost', ...set.nodes.map((node) => `${node.address} ${node.name}`), ''].join('\n');
}

/** Readable for everybody in the machine, as the original is. */
async function writeText(path: string, text: string): Promise<void> {
  await replaceFile(path, text);
  await chmod(path, 0o644);
}

/** The folders are laid over the system's own, and take their place with these rights. */
async function writeFolderModes(root: string): Promise<void> {
  for (const folder of ['', 'etc', 'etc/lattice-dr-lab', 'usr', 'usr/local', 'usr/local/bin', 'var', 'var/lib', 'var/lib/kubelet']) {
    await mkdir(join(root, folder), { recursive: true, mode: 0o755 });
    await chmod(join(root, folder), 0o755);
  }
}
