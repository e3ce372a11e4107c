import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { releaseSlot } from './block.ts';
import { isMissingFile } from './file-errors.ts';
import { layoutOf } from './layout.ts';
import { listClusters } from './state.ts';

/** A slot younger than this may belong to a cluster that is being made: its description follows within a second. */
const SETTLED_MS = 60_000;

/** Gives back the slots of clusters that were never finished or that were destroyed by a command which was killed. Returns their ids. */
export async function releaseLostSlots(labDirectory: string, now: number): Promise<readonly string[]> {
  const layout = layoutOf(labDirectory);
  const known = new Map((await listClusters(labDirectory)).map((cluster) => [cluster.id, cluster]));
  const released: string[] = [];
  for (const slot of (await listSlots(layout.slots)).filter((name) => /^\d+$/.test(name))) {
    const path = join(layout.slots, slot);
    const id = await readFile(path, 'utf8');
    const cluster = known.get(id);
    const isLost = cluster === undefined ? now - (await stat(path)).mtimeMs > SETTLED_MS : cluster.destroyedAt !== undefined;
    if (!isLost) continue;
    // Certificates at most: nothing was started from a folder without a description.
    if (cluster === undefined) await rm(join(layout.clusters, id), { recursive: true, force: true });
    await releaseSlot(labDirectory, Number(slot));
    released.push(id);
  }
  return released;
}

async function listSlots(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch((error: unknown) => {
    if (isMissingFile(error)) return [];
    throw error;
  });
}
