import { createDecipheriv } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { valueKind } from '../registry.ts';
import { type EncryptionKey, type EncryptionRule, keysFor } from './encryption-keys.ts';

/** An encrypted value as etcd holds it, with the key it is kept under. */
export interface EncryptedValue {
  readonly resource: string;
  readonly key: string;
  readonly value: Uint8Array;
}

/** The object in it; or why not, and whether that speaks against the keys or nobody can tell from here. */
export type Decrypted = { readonly plain: Uint8Array } | { readonly plain?: never; readonly reason: string; readonly isUntold: boolean };

/** Bytes before the ciphertext (apiserver `storage/value/encrypt/{aes,secretbox}`): the block size of AES, the nonce of GCM, the nonce of secretbox. */
const IV_BYTES = 16;
const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;
const BOX_NONCE_BYTES = 24;

/** Decrypts a value as an API server with these rules would, and makes sure that an object comes out: a wrong key of aescbc passes its padding once in 256. */
export function decryptValue({ resource, key, value }: EncryptedValue, rules: readonly EncryptionRule[]): Decrypted {
  const kind = valueKind(value);
  if (kind.form !== 'encrypted') return { plain: value };
  const { provider, keyName } = kind;
  if (provider.startsWith('kms:')) return { reason: `${provider}:${keyName} is a key of a service, which cannot be asked from here`, isUntold: true };
  const keys = keysFor(resource, rules).filter((one) => one.provider === provider);
  if (keys.length === 0) return { reason: `no provider ${provider} is configured for ${resource}`, isUntold: false };
  const named = keys.filter(({ name }) => name === keyName);
  if (named.length === 0) return { reason: `${provider} is configured for ${resource} without a key ${keyName}`, isUntold: false };
  const body = Buffer.from(value).subarray(prefixBytes(kind));
  for (const candidate of named) {
    const plain = opened({ candidate, body, key });
    if (plain !== undefined && ['protobuf', 'json'].includes(valueKind(plain).form)) return { plain };
  }
  return { reason: `${provider} has a key ${keyName} for ${resource}, and it is another one: ${key} does not open`, isUntold: false };
}

function prefixBytes({ provider, keyName }: { readonly provider: string; readonly keyName: string }): number {
  return Buffer.byteLength(`k8s:enc:${provider}:${keyName}:`);
}

interface Box {
  readonly candidate: EncryptionKey;
  readonly body: Buffer;
  /** Key in etcd: AES-GCM authenticates it, so a value cannot be moved (`etcd3/store.go`, `authenticatedDataString`). */
  readonly key: string;
}

function opened({ candidate, body, key: name }: Box): Uint8Array | undefined {
  if (candidate.key === undefined) return undefined;
  const key = Buffer.from(candidate.key.reveal(), 'base64');
  try {
    if (candidate.provider === 'aescbc:v1') return openCbc(key, body);
    if (candidate.provider === 'aesgcm:v1') return openGcm(key, body, name);
    return xsalsa20poly1305(key, body.subarray(0, BOX_NONCE_BYTES)).decrypt(body.subarray(BOX_NONCE_BYTES));
  } catch {
    return undefined; // Padding or tag does not fit: another key, or other bytes.
  } finally {
    key.fill(0);
  }
}

function openCbc(key: Buffer, body: Buffer): Uint8Array {
  const decipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, body.subarray(0, IV_BYTES));
  return Buffer.concat([decipher.update(body.subarray(IV_BYTES)), decipher.final()]);
}

function openGcm(key: Buffer, body: Buffer, name: string): Uint8Array {
  const bits = (key.length * 8) as 128 | 192 | 256;
  const decipher = createDecipheriv(`aes-${bits}-gcm`, key, body.subarray(0, GCM_NONCE_BYTES), { authTagLength: GCM_TAG_BYTES });
  decipher.setAAD(Buffer.from(name));
  decipher.setAuthTag(body.subarray(-GCM_TAG_BYTES));
  return Buffer.concat([decipher.update(body.subarray(GCM_NONCE_BYTES, -GCM_TAG_BYTES)), decipher.final()]);
}
