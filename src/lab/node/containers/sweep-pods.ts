import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMissingFile } from '../../file-errors.ts';
import { TYPES } from '../../reconcile/types.ts';
import { listRecords } from '../../supervise/record.ts';
import { stopServer } from '../../supervise/stop-server.ts';
import type { ContainerContext } from '../node-context.ts';
import { hasEnded } from '../pod-spec.ts';
import { podFolder, removePodFolder } from './pod-volumes.ts';

/** Ends the containers, and removes the folders, of pods that went while no node ran. */
export async function sweepPods({ lab, cluster, caches }: ContainerContext): Promise<void> {
  await caches.watch(TYPES.Pod);
  const pods = new Set(
    caches
      .list(TYPES.Pod)
      .filter((pod) => !hasEnded(pod))
      .map((pod) => pod.metadata.uid),
  );
  for (const record of await listRecords(lab.directory)) {
    if (record.cluster === cluster.id && record.pod !== undefined && !pods.has(record.pod)) {
      await stopServer({ directory: lab.directory, id: record.id, force: true });
    }
  }
  const folders = await readdir(dirname(podFolder(cluster, 'any'))).catch((error: unknown) => {
    if (isMissingFile(error)) return [];
    throw error;
  });
  for (const uid of folders) if (!pods.has(uid)) await removePodFolder(cluster, uid);
}
