import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Secret } from '../../model/secret.ts';

/** Authorities that a cluster cannot come back without as itself (kubeadm `certs`; Cluster API `util/secret/consts.go` names their Secrets so). */
export const AUTHORITIES = ['ca', 'etcd', 'proxy', 'sa'] as const;
export type AuthorityName = (typeof AUTHORITIES)[number];

/** What each is for, in words. */
export const AUTHORITY_WORDS: Readonly<Record<AuthorityName, string>> = {
  ca: 'authority of the cluster',
  etcd: 'authority of etcd',
  proxy: 'authority of the front proxy',
  sa: 'key of service account tokens',
};

/** A certificate, or for service accounts a public key, with its private key. PEM. */
export interface AuthorityPair {
  readonly name: AuthorityName;
  readonly certificate: string;
  readonly key?: Secret;
}

/** What can be said of a pair without showing it. */
export interface AuthorityFact {
  readonly name: AuthorityName;
  /** SHA-256 of the certificate, or of the public key, hex. */
  readonly sha256: string;
  /** ISO 8601; a public key has no end. */
  readonly notAfter?: string;
  /** What makes it useless. */
  readonly fault?: string;
}

/** Looks at a pair: it can be read, key and certificate belong together, and its time is not over. */
export function authorityFact({ name, certificate, key }: AuthorityPair, now: number): AuthorityFact {
  try {
    const read = name === 'sa' ? readPublicKey(certificate) : readCertificate(certificate);
    const fault = key === undefined ? 'its private key is not there' : keyFault(read.publicKey, key);
    const isOver = read.notAfter !== undefined && Date.parse(read.notAfter) <= now;
    const said = fault ?? (isOver ? `it has expired at ${read.notAfter}` : undefined);
    return { name, sha256: read.sha256, ...(read.notAfter === undefined ? {} : { notAfter: read.notAfter }), ...(said === undefined ? {} : { fault: said }) };
  } catch {
    return { name, sha256: '', fault: 'it is no PEM certificate or key' };
  }
}

interface Readable {
  readonly sha256: string;
  readonly publicKey: KeyObject;
  readonly notAfter?: string;
}

function readCertificate(pem: string): Readable {
  const certificate = new X509Certificate(pem);
  return {
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    publicKey: certificate.publicKey,
    notAfter: certificate.validToDate.toISOString(),
  };
}

/** kubeadm keeps the public key of service accounts as such; some keep a certificate of it. */
function readPublicKey(pem: string): Readable {
  if (pem.includes('BEGIN CERTIFICATE')) return readCertificate(pem);
  const publicKey = createPublicKey(pem);
  return { sha256: digestOf(publicKey), publicKey };
}

function keyFault(publicKey: KeyObject, key: Secret): string | undefined {
  return publicKey.equals(createPublicKey(createPrivateKey(key.reveal()))) ? undefined : 'its private key is that of another one';
}

function digestOf(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}
