import { REPOSITORY_SECRET } from '../../src/backup/repository-key.ts';
import { LabBucket } from './lab-bucket.ts';
import type { RebuildWorld } from './rebuild-world.ts';

const REPOSITORY = { apiVersion: 'velero.io/v1', kind: 'BackupRepository' } as const;

/**
 * Gives the Velero of a living cluster another repository password than the one it has made up. Its repository is begun anew by the next backup: what was saved
 * with the old one is gone.
 */
export async function changeRepositoryPassword(world: RebuildWorld, password: string): Promise<void> {
  await using cluster = await world.open();
  using bucket = await LabBucket.open(world.lab);
  const options = { fieldManager: 'test', signal: AbortSignal.timeout(60_000) };
  await cluster.mergePatch(REPOSITORY_SECRET, { stringData: { 'repository-password': password } }, options);
  for (const { metadata } of (await cluster.list(REPOSITORY, options)) ?? [])
    await cluster.delete({ ...REPOSITORY, namespace: metadata.namespace ?? '', name: metadata.name }, options);
  await bucket.removeFolder(`lattice-${world.cluster}-backups/kopia`);
}
