import { createCipheriv, hkdfSync, pbkdf2Sync, scryptSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isInRepository, opensRepository, repositoryPassword, withPassword } from '../../../src/backup/repository-key.ts';
import { Secret } from '../../../src/model/secret.ts';

const SALT = Buffer.alloc(32, 7);

/** A `kopia.repository` as kopia writes it. */
function repository(password: string, keyAlgo: string, encryption = 'AES256_GCM'): Uint8Array {
  const master = keyAlgo.startsWith('scrypt') ? scryptSync(password, SALT, 32, { N: 1024, r: 8, p: 1 }) : pbkdf2Sync(password, SALT, 1000, 32, 'sha256');
  const key = (purpose: string) => Buffer.from(hkdfSync('sha256', master, SALT, purpose, 32));
  const nonce = Buffer.alloc(12, 1);
  const cipher = createCipheriv('aes-256-gcm', key('AES'), nonce).setAAD(key('CHECKSUM'));
  const sealed = Buffer.concat([nonce, cipher.update('{"format":1}'), cipher.final(), cipher.getAuthTag()]);
  const file = { tool: 'kopia', uniqueID: SALT.toString('base64'), keyAlgo, encryption, encryptedBlockFormat: sealed.toString('base64') };
  return Buffer.from(JSON.stringify(file));
}

describe('the password of repositories', () => {
  it.each(['scrypt-1024-8-1', 'pbkdf2-sha256-1000'])('is tried against what %s made of it', async (keyAlgo) => {
    const file = repository('original', keyAlgo);
    expect(await opensRepository(file, new Secret('original'))).toBe(true);
    expect(await opensRepository(file, new Secret('static-passw0rd'))).toBe(false);
  });

  it.each([
    ['no JSON', Buffer.from('gibberish')],
    ['another derivation', repository('original', 'argon2-1')],
    ['another encryption', repository('original', 'scrypt-1024-8-1', 'CHACHA')],
    ['half a file', repository('original', 'scrypt-1024-8-1').subarray(0, 80)],
  ])('is not tried on %s', async (_, file) => {
    expect(await opensRepository(file, new Secret('original'))).toBeUndefined();
  });

  it('is one key of its Secret, in either form, and other keys stay', () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'velero-repo-credentials' } };
    expect(repositoryPassword({ ...secret, data: { 'repository-password': 'b3JpZ2luYWw=' } })).toBe('b3JpZ2luYWw=');
    expect(repositoryPassword({ ...secret, stringData: { 'repository-password': 'original' } })).toBe('b3JpZ2luYWw=');
    expect(repositoryPassword({ ...secret, data: {} })).toBeUndefined();
    expect(withPassword({ ...secret, data: { other: 'eA==', 'repository-password': 'b2xk' } }, 'bmV3')).toEqual({
      other: 'eA==',
      'repository-password': 'bmV3',
    });
  });

  it('is needed for volumes that were copied file by file, or whose snapshot was moved', () => {
    expect(isInRepository({ backupMethod: 'PodVolumeBackup' })).toBe(true);
    expect(isInRepository({ backupMethod: 'CSISnapshot', snapshotDataMoved: true })).toBe(true);
    expect(isInRepository({ backupMethod: 'NativeSnapshot', snapshotDataMoved: false })).toBe(false);
    expect(isInRepository({ backupMethod: 'PodVolumeBackup', skipped: true })).toBe(false);
  });
});
