import { readFile, writeFile } from 'node:fs/promises';
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
spec: { storage: { provider: PROVIDER, cloudProviderRef: cloud } }
`;

function planOf({ ref: { provider, bucket, account, endpoint, credentials } }: CloudServer): string {
  const section = { store: 'small-backups', provider, bucket, account, endpoint, credentials, clusterBackup: 'small-data' };
  return lostPlan(`  backups: [${JSON.stringify(section)}]\n  secrets: [{ groups: [velero], from: { command: [cat, secret.json] } }]`);
}

describe.skipIf(missing.length > 0)(`backups in other clouds${missing.length > 0 ? ` (skipped: no ${missing.join(', ')})` : ''}`, { timeout: 180_000 }, () => {
  describe.each([
    ['gcs', startFakeGcs, [/cannot be told: which permissions a service account of Google has is not asked$/]],
    [
      'azure',
      startAzurite,
      [/^the cluster writes its backups with the credential that we read them with/, /credential may delete versions of backups for good$/],
    ],
  ] as const)('%s', (provider, start, told) => {
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
      // What Velero's plugin is given: here the credential that the plan has too, where the server asks for one.
      const { credentials } = server.ref;
      const cloud = credentials !== undefined && 'file' in credentials ? await readFile(credentials.file, 'utf8') : '{}';
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'velero-credentials-cloud', namespace: 'velero' }, stringData: { cloud } };
      await writeFile(join(folder.path, 'secret.json'), JSON.stringify(secret));
    }, 120_000);
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    it('are listed, sealed and verified, and an altered one is bad', async () => {
      expect(await json<BackupList>('backup', 'list')).toMatchObject({ code: 0, entries: [{ name: BACKUP.name, verdict: { state: 'unanchored' } }] });
      expect(await json<object>('backup', 'seal', BACKUP.name)).toMatchObject({ code: 0 });
      const verified = await json<BackupDetails>('backup', 'verify', BACKUP.name);
      expect(verified).toMatchObject({ code: 0, verdict: { state: 'sealed-equal' }, tarball: { objects: 89 } });
      for (const words of told) expect(verified.verdict.warnings).toContainEqual(expect.stringMatching(words));
      await server.put(BACKUP.keyOf('backup/*-logs.gz'), Buffer.from('something else'));
      expect(await json<BackupDetails>('backup', 'verify', BACKUP.name)).toMatchObject({ code: 4 });
    });
  });
});
