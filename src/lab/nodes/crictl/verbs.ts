import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ContainerRecord, isRunning, listContainers, removeContainer, signalContainer } from '../kubelet/container-records.ts';
import { readImages } from '../kubelet/images.ts';
import type { CrictlCommand } from './parse.ts';

interface CrictlResult {
  readonly exitCode: number;
  readonly stdout: string;
}

const POLL_MS = 20;
const SHORT_ID = 13;

/** Runs one verb. Throws with crictl's kind of words. */
export async function runCrictl(command: CrictlCommand): Promise<CrictlResult> {
  switch (command.verb) {
    case 'ps':
      return await ps(command);
    case 'pods':
      return await pods(command);
    case 'stop':
      return await each(command, async (record) => await stop(record, Number(command.values.get('--timeout')?.at(-1)?.replace(/s$/, '') ?? 0)));
    case 'rm':
      return await each(command, async (record) => await remove(record, command.flags.has('--force')));
    case 'inspect':
      return said(JSON.stringify(details(await get(command.words[0])), undefined, 2));
    case 'logs':
      return said((await readFile((await get(command.words[0])).logPath, 'utf8')).trimEnd());
    case 'exec':
      return await exec(command);
    case 'images':
      return said(JSON.stringify({ images: Object.keys(await readImages()).map((name) => ({ id: name, repoTags: [name] })) }, undefined, 2));
    case 'version':
      return said('Version:  0.1.0\nRuntimeName:  lattice-dr-lab\nRuntimeApiVersion:  v1');
    default:
      throw new Error(`unknown command "${command.verb}"`);
  }
}

async function ps({ flags, values }: CrictlCommand): Promise<CrictlResult> {
  const wanted = (values.get('--label') ?? []).map((label) => label.split('='));
  const name = values.get('--name')?.at(-1);
  const found = (await listContainers()).filter(
    (record) =>
      (flags.has('--all') || values.get('--state') !== undefined || isRunning(record)) &&
      (values.get('--state') ?? []).every((state) => stateOf(record).toLowerCase().endsWith(state.toLowerCase())) &&
      wanted.every(([key = '', value]) => labels(record)[key] === value) &&
      (name === undefined || new RegExp(name).test(record.name)),
  );
  if (flags.has('--quiet')) return said(found.map((record) => record.id).join('\n'));
  if (values.get('--output')?.at(-1) === 'json') return said(JSON.stringify({ containers: found.map(details) }, undefined, 2));
  const rows = found.map((r) => [
    r.id.slice(0, SHORT_ID),
    r.image,
    r.startedAt,
    isRunning(r) ? 'Running' : 'Exited',
    r.name,
    String(r.attempt),
    r.podUid.slice(0, SHORT_ID),
    r.pod,
    r.namespace,
  ]);
  return said([['CONTAINER', 'IMAGE', 'CREATED', 'STATE', 'NAME', 'ATTEMPT', 'POD ID', 'POD', 'NAMESPACE'], ...rows].map((row) => row.join('   ')).join('\n'));
}

/** A pod is ready while any of its containers runs. */
async function pods({ flags, values }: CrictlCommand): Promise<CrictlResult> {
  const all = Map.groupBy(await listContainers(), (record) => record.podUid);
  const name = values.get('--name')?.at(-1);
  const items = [...all.entries()].flatMap(([id, records]) => {
    const [record] = records;
    if (record === undefined || (name !== undefined && !new RegExp(name).test(record.pod))) return [];
    return [
      { id, state: records.some(isRunning) ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY', metadata: { name: record.pod, namespace: record.namespace, uid: id } },
    ];
  });
  if (flags.has('--quiet')) return said(items.map(({ id }) => id).join('\n'));
  if (values.get('--output')?.at(-1) === 'json') return said(JSON.stringify({ items }, undefined, 2));
  const rows = items.map(({ id, state, metadata }) => [
    id.slice(0, SHORT_ID),
    state === 'SANDBOX_READY' ? 'Ready' : 'NotReady',
    metadata.name,
    metadata.namespace,
  ]);
  return said([['POD ID', 'STATE', 'NAME', 'NAMESPACE'], ...rows].map((row) => row.join('   ')).join('\n'));
}

async function each({ words }: CrictlCommand, work: (record: ContainerRecord) => Promise<void>): Promise<CrictlResult> {
  if (words.length === 0) throw new Error('ID cannot be empty');
  for (const word of words) await work(await get(word));
  return said(words.join('\n'));
}

/** Without a time the container is killed at once, as crictl does it (F69). */
async function stop(record: ContainerRecord, seconds: number): Promise<void> {
  if (seconds > 0) signalContainer(record, 'SIGTERM');
  const deadline = performance.now() + seconds * 1_000;
  while (isRunning(record) && performance.now() < deadline) await sleep(POLL_MS);
  signalContainer(record, 'SIGKILL');
  while (isRunning(record)) await sleep(POLL_MS);
}

async function remove(record: ContainerRecord, force: boolean): Promise<void> {
  if (isRunning(record) && !force) throw new Error(`container "${record.id}" is running, please stop it first`);
  if (isRunning(record)) await stop(record, 0);
  await removeContainer(record);
}

/** A program of the container's image, with its output on ours. */
async function exec({ words }: CrictlCommand): Promise<CrictlResult> {
  const [id, program = '', ...args] = words;
  const record = await get(id);
  const image = (await readImages())[record.image];
  const own = image?.programs.includes(program.split('/').at(-1) ?? '') === true ? join(image.folder, program.split('/').at(-1) ?? '') : program;
  const { status, error } = spawnSync(own, args, { stdio: 'inherit' });
  if (error !== undefined) throw new Error(`execing command in container: ${error.message}`);
  return { exitCode: status ?? 1, stdout: '' };
}

async function get(id: string | undefined): Promise<ContainerRecord> {
  const found = (await listContainers()).filter((record) => id !== undefined && id !== '' && record.id.startsWith(id));
  const [record] = found;
  if (record === undefined || found.length > 1) throw new Error(`container "${id ?? ''}" does not exist`);
  return record;
}

function details(record: ContainerRecord): object {
  const { id, name, image, attempt, podUid, startedAt, pid } = record;
  return {
    id,
    podSandboxId: podUid,
    metadata: { name, attempt },
    image: { image },
    state: stateOf(record),
    createdAt: startedAt,
    labels: labels(record),
    info: { pid },
  };
}

function stateOf(record: ContainerRecord): string {
  return isRunning(record) ? 'CONTAINER_RUNNING' : 'CONTAINER_EXITED';
}

/** As a kubelet labels what it starts (Kubernetes 1.36 `pkg/kubelet/types/labels.go`). */
function labels({ name, pod, namespace, podUid }: ContainerRecord): Readonly<Record<string, string>> {
  return {
    'io.kubernetes.container.name': name,
    'io.kubernetes.pod.name': pod,
    'io.kubernetes.pod.namespace': namespace,
    'io.kubernetes.pod.uid': podUid,
  };
}

function said(text: string): CrictlResult {
  return { exitCode: 0, stdout: text === '' ? '' : `${text}\n` };
}
