import { DrError } from '../../errors/dr-error.ts';
import { type EncryptionRule, readEncryptionKeys } from '../../etcd/encryption/encryption-keys.ts';
import { AUTHORITIES, type AuthorityName, type AuthorityPair } from '../../etcd/pki/authorities.ts';
import type { JsonValue } from '../../model/json.ts';
import type { PlanRecoveryKeys } from '../../model/plan/recovery-keys.ts';
import { Secret } from '../../model/secret.ts';
import type { ManifestParser } from '../../ports/manifest-parser.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';

/** What reading keys needs. */
export interface KeyTools {
  readonly secretFiles: SecretFiles;
  readonly manifests: ManifestParser;
  readonly signal: AbortSignal;
}

/** Keys of a cluster that are kept outside of it; what the plan does not name is absent. */
export interface RecoveryKeys {
  readonly encryption?: readonly EncryptionRule[];
  readonly authorities?: readonly AuthorityPair[];
}

/** Files of each authority, as kubeadm lays them out (`cmd/kubeadm/app/constants/constants.go`). */
const FILES: Readonly<Record<AuthorityName, readonly [string, string]>> = {
  ca: ['ca.crt', 'ca.key'],
  etcd: ['etcd/ca.crt', 'etcd/ca.key'],
  proxy: ['front-proxy-ca.crt', 'front-proxy-ca.key'],
  sa: ['sa.pub', 'sa.key'],
};

/**
 * Reads the keys that a plan names, from this machine alone: what this cannot read, nobody could read on the day. Throws `SECRET_SOURCE_MISSING`,
 * `SECRET_UNREADABLE`, and `INPUT_INVALID` for an EncryptionConfiguration that is none; nothing of the content is quoted.
 */
export async function readRecoveryKeys({ encryption, pki }: PlanRecoveryKeys, tools: KeyTools): Promise<RecoveryKeys> {
  const [rules, authorities] = await Promise.all([
    encryption === undefined ? undefined : readRules(encryption, tools),
    pki === undefined ? undefined : 'folder' in pki ? readFolder(pki.folder, tools) : readSecrets(pki, tools),
  ]);
  return { ...(rules === undefined ? {} : { encryption: rules }), ...(authorities === undefined ? {} : { authorities }) };
}

async function readRules(source: NonNullable<PlanRecoveryKeys['encryption']>, tools: KeyTools): Promise<readonly EncryptionRule[]> {
  const text = await ('age' in source ? readAge(source, tools) : tools.secretFiles.read(source));
  const [document] = await documentsOf(text, tools);
  const { rules, fault } = readEncryptionKeys(document);
  if (rules !== undefined) return rules;
  const where = 'age' in source ? source.age : 'file' in source ? source.file : `the variable ${source.env}`;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `${where}, named by spec.controlPlane.encryption, cannot be used: ${fault}`,
    suggestions: ['keep there the file that --encryption-provider-config of the API servers names'],
  });
}

async function readAge(
  { age, identity }: { readonly age: string; readonly identity: { readonly env: string } | { readonly file: string } },
  { secretFiles }: KeyTools,
) {
  return await secretFiles.decryptAge(await secretFiles.readEncrypted(age), identity);
}

async function documentsOf(text: Secret, { manifests, signal }: KeyTools): Promise<readonly JsonValue[]> {
  const [parsed] = await manifests.parse([{ path: 'keys', content: Buffer.from(text.reveal()) }], signal);
  return parsed?.documents.map(({ value }) => value) ?? [];
}

/** A file that is not there is a pair that is not there: which of them are needed is judged elsewhere. */
async function readFolder(folder: string, tools: KeyTools): Promise<readonly AuthorityPair[]> {
  const pairs = await Promise.all(
    AUTHORITIES.map(async (name) => {
      const [certificate, key] = await Promise.all(FILES[name].map(async (file) => await optionalFile(`${folder}/${file}`, tools)));
      return certificate === undefined ? [] : [{ name, certificate: certificate.reveal(), ...(key === undefined ? {} : { key }) }];
    }),
  );
  return pairs.flat();
}

async function optionalFile(path: string, { secretFiles }: KeyTools): Promise<Secret | undefined> {
  try {
    return await secretFiles.read({ file: path });
  } catch (error) {
    if (error instanceof DrError && error.code === 'SECRET_SOURCE_MISSING') return undefined;
    throw error;
  }
}

interface SecretManifest {
  readonly metadata?: { readonly name?: string };
  readonly data?: Readonly<Record<string, string>>;
}

async function readSecrets(source: Extract<PlanRecoveryKeys['pki'], { readonly age: string }>, tools: KeyTools): Promise<readonly AuthorityPair[]> {
  const secrets = (await documentsOf(await readAge(source, tools), tools)) as readonly SecretManifest[];
  return AUTHORITIES.flatMap((name) => {
    const { data } = secrets.find(({ metadata }) => metadata?.name?.endsWith(`-${name}`) === true) ?? {};
    const [certificate, key] = [data?.['tls.crt'], data?.['tls.key']].map((text) => (text === undefined ? undefined : Buffer.from(text, 'base64').toString()));
    return certificate === undefined ? [] : [{ name, certificate, ...(key === undefined ? {} : { key: new Secret(key) }) }];
  });
}
