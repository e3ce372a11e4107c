import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONTAINER_FOLDER, type ContainerRecord } from '../kubelet/container-records.ts';
import type { LabNode, NodeSet } from '../node-set.ts';
import { runCommand } from '../run-command.ts';
import { getInitPid } from './power.ts';

/** Runs a program in a machine that is on, past its SSH server: the lab's own hand. Throws `LAB_NOT_RUNNING`, `PROCESS_FAILED`. */
export async function runInside(set: NodeSet, node: LabNode, command: { readonly args: readonly string[]; readonly signal: AbortSignal }): Promise<string> {
  const pid = await getInitPid(node, set.directory);
  const { args, signal } = command;
  return await runCommand('nsenter', [`--target=${pid}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--root', '--wd=/', '--', ...args], { signal });
}

/** Replaces a file of a machine that is on; its folder is there. A name with a dot first, so that no kubelet reads half of it. */
export async function writeInside(set: NodeSet, node: LabNode, file: { readonly path: string; readonly text: string }): Promise<void> {
  const pid = await getInitPid(node, set.directory);
  const target = join(`/proc/${pid}/root`, file.path);
  const draft = join(target, '..', `.lab-${process.pid}`);
  await writeFile(draft, file.text, { mode: 0o600 });
  await rename(draft, target);
}

/** What the kubelet of a machine that is on has started. */
export async function containersInside(set: NodeSet, node: LabNode): Promise<readonly ContainerRecord[]> {
  const folder = `/proc/${await getInitPid(node, set.directory)}/root${CONTAINER_FOLDER}`;
  const files = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.json'));
  const texts = await Promise.all(files.map(async (file) => await readFile(join(folder, file), 'utf8').catch(() => undefined)));
  return texts.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as ContainerRecord]));
}
