import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupList } from '../../src/operations/backup-list.ts';
import type { BackupDetails } from '../../src/operations/backup-verify.ts';
import { startCli } from '../support/cli.ts';
import { lostPlan } from '../support/lost-plan.ts';
import { corpusBackups } from '../support/velero-corpus.ts';
import { type CloudServer, missingClouds, startAzurite, startFakeGcs } from './cloud-servers.ts';
import { createRepository } from './git-repository.ts';
import { temporaryFolder } from './servers.ts';

const [BACKUP] = corpusBackups();
const missing = missingClouds();
const SPECS = `apiVersion: lattice.dev/v1alpha1
kind: BackupStore
metadata: { name: small-backups, namespace: lattice-system }
spec: { storage: { provider: PROVIDER } }
`;

function planOf({ ref: { provider, bucket, account, endpoint, credentials } }: CloudServer): string {
  const section = { store: 'small-backups', provider, bucket, account, endpoint, credentials, clusterBackup: 'small-data' };
  return lostPlan(`  backups: [${JSON.stringify(section)}]`);
}

describe.skipIf(missing.length > 0)(`backups in other clouds${missing.length > 0 ? ` (skipped: no ${missing.join(', ')})` : ''}`, { timeout: 180_000 }, () => {
  describe.each([
    ['gcs', startFakeGcs],
    ['azure', startAzurite],
  ] as const)('%s', (provider, start) => {
    let folder: AsyncDisposable & { readonly path: string };
    let server: CloudServer;
    const json = async <T>(...args: readonly string[]): Promise<T & { readonly code: number | null }> => {
      const ended = await startCli([...args, '--plan', 'plan.yaml', '--json'], { env: { PATH: process.env['PATH'], HOME: folder.path }, cwd: folder.path })
        .ended;
      expect(ended.stderr, args.join(' ')).toBe('');
      return { ...(JSON.parse(ended.stdout) as T), code: ended.code };
    };

    beforeAll(async () => {
      folder = await temporaryFolder('backup-clouds');
      server = await start(folder.path);
      const repository = await createRepository(join(folder.path, 'specs'));
      await repository.commit({ 'specs.yaml': SPECS.replace('PROVIDER', provider) });
      for (const [file, content] of Object.entries(BACKUP.files)) if (!file.startsWith('volumes/')) await server.put(BACKUP.keyOf(file), content);
      await writeFile(join(folder.path, 'plan.yaml'), planOf(server));
    }, 120_000);
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    it('are listed, sealed and verified, and an altered one is bad', async () => {
      expect(await json<BackupList>('backup', 'list')).toMatchObject({ code: 0, entries: [{ name: BACKUP.name, verdict: { state: 'unanchored' } }] });
      expect(await json<object>('backup', 'seal', BACKUP.name)).toMatchObject({ code: 0 });
      expect(await json<BackupDetails>('backup', 'verify', BACKUP.name)).toMatchObject({
        code: 0,
        verdict: { state: 'sealed-equal' },
        tarball: { objects: 89 },
      });
      await server.put(BACKUP.keyOf('backup/*-logs.gz'), Buffer.from('something else'));
      expect(await json<BackupDetails>('backup', 'verify', BACKUP.name)).toMatchObject({ code: 4 });
    });
  });
});
