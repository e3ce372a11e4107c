import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, constants, mkdir, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { findProcess } from '../../supervise/proc.ts';
import { type ContainerRecord, saveContainer } from './container-records.ts';
import type { LabImages } from './images.ts';
import type { StaticContainer, StaticPod } from './static-pod.ts';

/** Runs a container of a static pod as a process of its own, which outlives the caller. Throws when its image is not here or its volumes are not. */
export async function startContainer(request: {
  readonly pod: StaticPod;
  readonly container: StaticContainer;
  readonly attempt: number;
  readonly images: LabImages;
}): Promise<ContainerRecord> {
  const { pod, container, attempt, images } = request;
  const [program = '', ...args] = container.command;
  const file = await programOf(container, program, images);
  for (const volume of pod.volumes) if (volume.create) await mkdir(volume.path, { recursive: true });
  for (const volume of pod.volumes) await access(volume.path, constants.F_OK);
  const logPath = `/var/log/pods/${pod.namespace}_${pod.name}_${pod.uid}/${container.name}/${attempt}.log`;
  await mkdir(dirname(logPath), { recursive: true });
  const log = await open(logPath, 'a', 0o640);
  try {
    const child = spawn(file, args, { cwd: '/', detached: true, env: { ...process.env, ...container.env }, stdio: ['ignore', log.fd, log.fd] });
    const { pid } = child;
    if (pid === undefined) throw await new Promise<Error>((resolve) => child.once('error', resolve));
    child.unref();
    const { name, image } = container;
    const startTime = findProcess(pid)?.startTime ?? '';
    const times = { attempt, pid, startTime, startedAt: new Date().toISOString(), gracePeriodMs: pod.gracePeriodMs };
    const record: ContainerRecord = {
      id: randomBytes(32).toString('hex'),
      name,
      pod: pod.name,
      namespace: pod.namespace,
      podUid: pod.uid,
      image,
      ...times,
      logPath,
    };
    await saveContainer(record);
    return record;
  } finally {
    await log.close();
  }
}

async function programOf(container: StaticContainer, program: string, images: LabImages): Promise<string> {
  const image = images[container.image];
  if (image === undefined) throw new Error(`ErrImagePull: image ${container.image} is not on this machine, and there is no registry`);
  const file = join(image.folder, basename(program));
  await access(file, constants.X_OK);
  return file;
}
