import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../src/model/json.ts';
import type { RebuildWorld } from './rebuild-world.ts';

const VELERO = { apiVersion: 'velero.io/v1', namespace: 'velero' } as const;

/** Lets the Velero of the rebuilt cluster back up everything, as a person would after the first release, and waits until it is `Completed`. Throws for any other end. */
export async function takeFreshBackup(world: RebuildWorld, name = 'after-the-rebuild', more: JsonObject = {}): Promise<void> {
  await using cluster = await world.open();
  const signal = AbortSignal.timeout(60_000);
  const [location] = (await cluster.list({ apiVersion: VELERO.apiVersion, kind: 'BackupStorageLocation' }, { signal })) ?? [];
  const backup = { apiVersion: VELERO.apiVersion, kind: 'Backup', metadata: { name, namespace: VELERO.namespace } };
  await cluster.create({ ...backup, spec: { storageLocation: location?.metadata.name ?? '', ...more } }, { fieldManager: 'test', signal });
  for (;;) {
    const phase = String((await cluster.get({ ...VELERO, kind: 'Backup', name }, signal))?.status?.['phase'] ?? 'New');
    if (phase === 'Completed') return;
    if (/Fail/.test(phase)) throw new Error(`the backup ended ${phase}`);
    await sleep(200, undefined, { signal });
  }
}
