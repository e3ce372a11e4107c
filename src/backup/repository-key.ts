import { createDecipheriv, hkdfSync, pbkdf2, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { JsonObject } from '../model/json.ts';
import type { KubeObject, ObjectRef } from '../model/kube-object.ts';
import type { Secret } from '../model/secret.ts';
import { VELERO_NAMESPACE } from './location.ts';

/**
 * Secret that holds the one password of all repositories of file-system backups, and its key. A Velero that starts without it makes one with a fixed password,
 * with which repositories of another cannot be opened (Velero 1.18 pkg/repository/keys/keys.go).
 */
export const REPOSITORY_SECRET: ObjectRef = { apiVersion: 'v1', kind: 'Secret', namespace: VELERO_NAMESPACE, name: 'velero-repo-credentials' };
export const REPOSITORY_SECRET_NAME = `${VELERO_NAMESPACE}/${REPOSITORY_SECRET.name}`;
const PASSWORD_KEY = 'repository-password';
/** What Velero makes up (`encryptionKey` there), base64 as the API server gives it. */
export const MADE_UP_PASSWORD = Buffer.from('static-passw0rd', 'utf8').toString('base64');

/** The password in the Secret, base64 as the API server gives it; `undefined` when there is none. Plain `stringData` counts as a manifest writes it. */
export function repositoryPassword(secret: KubeObject): string | undefined {
  const plain = (secret['stringData'] as Readonly<Record<string, string>> | undefined)?.[PASSWORD_KEY];
  if (plain !== undefined) return Buffer.from(plain, 'utf8').toString('base64');
  return (secret['data'] as Readonly<Record<string, string>> | undefined)?.[PASSWORD_KEY];
}

/** Whether the Secret holds the password that Velero makes up when it starts without one, or none at all. */
export function isMadeUp(secret: KubeObject): boolean {
  const password = repositoryPassword(secret);
  return password === undefined || password === MADE_UP_PASSWORD;
}

/** `data` of the Secret with another password, base64; what else was in it stays. */
export function withPassword(secret: KubeObject, password: string): JsonObject {
  return { ...(secret['data'] as JsonObject | undefined), [PASSWORD_KEY]: password };
}

/** Whether an entry of a backup's volume information lies in a repository: copied file by file, or a snapshot whose data was moved (Velero 1.18 internal/volume/volumes_information.go). */
export function isInRepository(info: JsonObject): boolean {
  return info['skipped'] !== true && (info['backupMethod'] === 'PodVolumeBackup' || info['snapshotDataMoved'] === true);
}

/** The part of `kopia.repository` that opening it needs (kopia repo/format/format_blob.go). */
const formatBlob = z.object({ uniqueID: z.base64(), keyAlgo: z.string(), encryption: z.literal('AES256_GCM'), encryptedBlockFormat: z.base64() });

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/**
 * Whether the password opens a Kopia repository, from its `kopia.repository` alone; `undefined` for a file of a form that is not known. Nothing of the decrypted
 * format is kept.
 *
 * @see kopia internal/crypto/aesgcm.go and pb_key_deriver_scrypt.go, pb_key_deriver_pbkdf2.go
 */
export async function opensRepository(file: Uint8Array, password: Secret): Promise<boolean | undefined> {
  const format = parseFormat(file);
  if (format === undefined) return undefined;
  const salt = Buffer.from(format.uniqueID, 'base64');
  // Velero cuts spaces and line ends off (Velero 1.18 pkg/repository/provider/unified_repo.go, getRepoPassword).
  const master = await deriveMaster(format.keyAlgo, password.reveal().trim(), salt);
  if (master === undefined) return undefined;
  const derive = (purpose: string): Buffer => Buffer.from(hkdfSync('sha256', master, salt, purpose, KEY_BYTES));
  const sealed = Buffer.from(format.encryptedBlockFormat, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', derive('AES'), sealed.subarray(0, NONCE_BYTES));
  decipher.setAAD(derive('CHECKSUM'));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
    return true;
  } catch {
    return false; // The tag does not fit: another password.
  }
}

function parseFormat(file: Uint8Array): z.output<typeof formatBlob> | undefined {
  try {
    return formatBlob.safeParse(JSON.parse(Buffer.from(file).toString('utf8'))).data;
  } catch {
    return undefined; // Not JSON.
  }
}

/** `scrypt-65536-8-1`: cost, block size, parallel; `pbkdf2-sha256-600000`: digest, rounds. */
async function deriveMaster(algorithm: string, password: string, salt: Buffer): Promise<Buffer | undefined> {
  const [, cost, blockSize, parallel] = /^scrypt-(\d+)-(\d+)-(\d+)$/.exec(algorithm) ?? [];
  if (cost !== undefined) {
    const options = { N: Number(cost), r: Number(blockSize), p: Number(parallel), maxmem: 256 * Number(cost) * Number(blockSize) };
    return await new Promise((resolve, reject) => {
      scrypt(password, salt, KEY_BYTES, options, (error, key) => (error === null ? resolve(key) : reject(error)));
    });
  }
  const rounds = /^pbkdf2-sha256-(\d+)$/.exec(algorithm)?.[1];
  return rounds === undefined ? undefined : await promisify(pbkdf2)(password, salt, Number(rounds), KEY_BYTES, 'sha256');
}
