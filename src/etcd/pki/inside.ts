import { decryptValue, type EncryptedValue } from '../encryption/decrypt.ts';
import type { EncryptionRule } from '../encryption/encryption-keys.ts';
import { AUTHORITIES, type AuthorityFact, type AuthorityName, authorityFact } from './authorities.ts';
import { readStoredSecret } from './secret-object.ts';

/** Authorities of one cluster that a snapshot itself holds, as Cluster API keeps them. */
export interface InsideAuthority extends AuthorityFact {
  /** `namespace/cluster`. */
  readonly cluster: string;
}

const SECRET_KEY = /^\/registry\/secrets\/([^/]+)\/(.+)-(ca|etcd|proxy|sa)$/;
/** Type of the Secrets that Cluster API makes (`api/core/v1beta1`, `ClusterSecretType`). */
const CAPI_TYPE = 'cluster.x-k8s.io/secret';

/** Whether a key may be that of a Secret with an authority in it. */
export function isAuthorityKey(key: string): boolean {
  return SECRET_KEY.test(key);
}

/**
 * Decodes the authorities that a snapshot holds: on a cluster that manages itself they may be nowhere else. Those that cannot be decrypted are left out;
 * that is told of their level.
 */
export function authoritiesInside(values: readonly EncryptedValue[], rules: readonly EncryptionRule[], now: number): readonly InsideAuthority[] {
  return values.flatMap((value) => {
    const [, namespace = '', cluster = '', name] = SECRET_KEY.exec(value.key) ?? [];
    const { plain } = decryptValue(value, rules);
    const secret = plain === undefined ? undefined : readStoredSecret(plain);
    const certificate = secret?.data.get('tls.crt');
    const authority = AUTHORITIES.find((one): one is AuthorityName => one === name);
    if (secret === undefined || certificate === undefined || authority === undefined || secret.type !== CAPI_TYPE) return [];
    const key = secret.data.get('tls.key');
    const pair = { name: authority, certificate: certificate.reveal(), ...(key === undefined || key.reveal() === '' ? {} : { key }) };
    return [{ cluster: `${namespace}/${cluster}`, ...authorityFact(pair, now) }];
  });
}
