import { CreateBucketCommand, DeleteObjectCommand, ListObjectVersionsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { createObjectStores } from '../../src/adapters/s3/s3-object-stores.ts';
import { createSecretFiles } from '../../src/adapters/secrets/secret-files.ts';
import { newSeal } from '../../src/backup/seal.ts';
import type { ObjectStores } from '../../src/ports/object-store.ts';
import { type JudgedBackup, judgeBackup } from '../../src/steps/recovery/judge-backup.ts';
import { createSeals, NO_SEALS, type Seals } from '../../src/steps/recovery/seals.ts';
import { FakeSignatures } from '../fakes/fake-signatures.ts';
import { withEveryFile } from '../support/every-file.ts';
import { attacksOn, corpusBackups } from '../support/velero-corpus.ts';
import { type S3Server, startMinio, startVersitygw } from './s3-servers.ts';
import { missingServers, temporaryFolder } from './servers.ts';

const REAL = corpusBackups();
const [VICTIM, OTHER] = [withEveryFile(REAL[0], 'first'), withEveryFile(REAL[1], 'second')];
const VOLUME = Object.keys(VICTIM.files).find((file) => /^volumes\/\d+\/volume\.tar\.gz$/.test(file)) ?? '';
/** One of each kind; all of them are tried in memory (`test/unit/backup/corpus.test.ts`). */
const ATTACKS = attacksOn(VICTIM, OTHER).filter(({ name }) =>
  [
    'replace backup/*.tar.gz',
    `flip ${VOLUME}`,
    'flip repository/shop/kopia.repository',
    'swap backup/*-csi-volumesnapshots.json.gz',
    'policy widened: rules of a Role',
    'swap backup/*-logs.gz',
    'delete backup/*-logs.gz',
    'image swapped',
    'add backup/*-more.json.gz',
  ].includes(name),
);
const NOW = Date.now();

describe.each([
  ['versitygw', startVersitygw],
  ['minio', startMinio],
] as const)('a sealed backup on a real %s', (server, start) => {
  const missing = missingServers([server]);
  describe.skipIf(missing.length > 0)(
    missing.length > 0 ? `(skipped: ${server} not built)` : 'is proven by its versions, and every attack on it is caught',
    () => {
      let folder: AsyncDisposable & { readonly path: string };
      let s3: S3Server;
      let stores: ObjectStores;
      let seals: Seals;
      let bucket = '';
      let round = 0;

      beforeAll(async () => {
        folder = await temporaryFolder('backup-corpus');
        s3 = await start(folder.path, { versioned: true });
        stores = createObjectStores({ secrets: createSecretFiles({ env: {}, processes: createProcesses({ env: {} }) }) });
      }, 60_000);
      afterAll(async () => {
        await stores[Symbol.asyncDispose]();
        await s3[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      });

      const put = async (file: string, Body: Uint8Array) =>
        void (await s3.client.send(new PutObjectCommand({ Bucket: bucket, Key: VICTIM.keyOf(file), Body })));
      const judge = async (read: 'bytes' | 'enough', by: Seals): Promise<JudgedBackup> => {
        const place = { bucket, endpoint: s3.endpoint, credentials: { file: s3.credentialsFile } };
        const config = { bucket, prefix: 'volumes', s3Url: s3.endpoint };
        const section = { store: 'small-backups', ...place, volumeSnapshotLocation: { provider: 'lattice-dr.dev/directory', config } };
        return await judgeBackup({ objectStores: stores }, section, { name: VICTIM.name, now: NOW, seals: by, signal: AbortSignal.timeout(60_000), read });
      };

      beforeEach(async () => {
        round += 1;
        bucket = `corpus-${round}`;
        await s3.client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
        for (const [file, content] of Object.entries(VICTIM.files)) await put(file, content);
        const { objects } = await judge('bytes', NO_SEALS);
        const common = { cluster: 'small', store: 'small-backups', backup: VICTIM.name, tool: '1' };
        const seal = newSeal({ ...common, completedAt: VICTIM.completedAt, sealedAt: VICTIM.completedAt, objects });
        const content = Buffer.from(JSON.stringify({ seal }));
        seals = createSeals({
          read: async () => content,
          list: async () => [],
          rules: { required: false },
          signatures: new FakeSignatures({}),
          signal: new AbortController().signal,
        });
      }, 60_000);

      it('by its versions alone, without a byte of its tarball or volumes', async () => {
        const { verdict, tarball, objects } = await judge('enough', seals);
        expect(verdict.state, verdict.reasons.join('; ')).toBe('sealed-equal');
        expect(tarball).toBeUndefined();
        expect(objects.every(({ place, versionId, sha256 }) => (versionId === undefined) === (place === 'repository') && sha256 === undefined)).toBe(true);
        expect((await judge('bytes', seals)).verdict.state).toBe('sealed-equal');
      });

      it.each(ATTACKS.map((attack) => [attack.name, attack] as const))('not after: %s', async (_, { changes }) => {
        for (const [file, content] of Object.entries(changes)) {
          if (content === null) await s3.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: VICTIM.keyOf(file) }));
          else await put(file, content);
        }
        expect((await judge('enough', seals)).verdict.state).toBe('bad');
      });

      it('with a warning after one of its packs was deleted, as maintenance does, and not after all were', async () => {
        const packs = Object.keys(VICTIM.files).filter((file) => /^repository\/shop\/[pq]/.test(file));
        const lose = async (file: string) => void (await s3.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: VICTIM.keyOf(file) })));
        await lose(packs[0] ?? '');
        const { verdict, volumes } = await judge('enough', seals);
        expect([verdict.state, volumes, verdict.warnings.join()]).toEqual(['sealed-equal', 'not checked', expect.stringContaining('1 packs are gone')]);
        for (const file of packs.slice(1)) await lose(file);
        expect((await judge('enough', seals)).verdict).toMatchObject({ state: 'bad', reasons: expect.arrayContaining([expect.stringContaining('any more')]) });
      });

      it('not after the sealed version itself was deleted, so that an older one shows', async () => {
        const Key = VICTIM.keyOf('backup/*.tar.gz');
        await put('backup/*.tar.gz', OTHER.files['backup/*.tar.gz'] ?? new Uint8Array());
        await put('backup/*.tar.gz', VICTIM.files['backup/*.tar.gz'] ?? new Uint8Array());
        const { Versions = [] } = await s3.client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: Key }));
        for (const { VersionId, IsLatest } of Versions.filter((version) => version.Key === Key))
          if (IsLatest === true) await s3.client.send(new DeleteObjectCommand({ Bucket: bucket, Key, ...(VersionId === undefined ? {} : { VersionId }) }));
        expect((await judge('enough', seals)).verdict.state).toBe('bad');
      });
    },
  );
});
