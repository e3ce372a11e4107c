import { createPublicKey, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { replaceFile } from '../../json-file.ts';
import { type CertificateAuthority, createAuthority, issueCertificate, privateKeyOf } from '../../pki/issue-certificate.ts';

/** The three authorities of a kubeadm cluster. */
export interface Authorities {
  readonly ca: CertificateAuthority;
  readonly frontProxy: CertificateAuthority;
  readonly etcd: CertificateAuthority;
}

/** Files that cannot be made again, beneath `/etc/kubernetes/pki` of every control-plane machine (kubeadm copies exactly these to machines that join). */
export const SHARED_FILES = ['ca.crt', 'ca.key', 'front-proxy-ca.crt', 'front-proxy-ca.key', 'etcd/ca.crt', 'etcd/ca.key', 'sa.key', 'sa.pub'] as const;

const NAMES = { ca: 'kubernetes', frontProxy: 'front-proxy-ca', etcd: 'etcd-ca' } as const;
const FILES = { ca: 'ca', frontProxy: 'front-proxy-ca', etcd: 'etcd/ca' } as const;

/** Makes the authorities and the service-account key of a cluster, in a folder of this system. */
export async function createAuthorities(folder: string): Promise<Authorities> {
  const made = { ca: await createAuthority(NAMES.ca), frontProxy: await createAuthority(NAMES.frontProxy), etcd: await createAuthority(NAMES.etcd) };
  for (const name of ['ca', 'frontProxy', 'etcd'] as const) {
    await replaceFile(join(folder, `${FILES[name]}.crt`), made[name].cert);
    await replaceFile(join(folder, `${FILES[name]}.key`), made[name].key);
  }
  const accounts = await issueCertificate(made.ca, { commonName: 'service-accounts' });
  await replaceFile(join(folder, 'sa.key'), accounts.key);
  await replaceFile(join(folder, 'sa.pub'), createPublicKey(privateKeyOf(accounts)).export({ type: 'spki', format: 'pem' }) as string);
  const client = await issueCertificate(made.etcd, { commonName: 'lab-client' });
  await replaceFile(join(folder, 'etcd/lab-client.crt'), client.cert);
  await replaceFile(join(folder, 'etcd/lab-client.key'), client.key);
  return made;
}

/** What is encrypted: also a custom resource, which may be there or not. */
const ENCRYPTED = ['secrets', 'configmaps', 'clusters.cluster.x-k8s.io'];

/** Makes the EncryptionConfiguration of a cluster: AES-CBC with one key, and unencrypted values stay readable. */
export async function createEncryptionConfig(path: string): Promise<void> {
  const keys = [{ name: 'key1', secret: randomBytes(32).toString('base64') }];
  const resources = [{ resources: ENCRYPTED, providers: [{ aescbc: { keys } }, { identity: {} }] }];
  await replaceFile(path, `${JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources }, undefined, 2)}\n`);
}
