import { isObject, type JsonValue } from '../../model/json.ts';
import { Secret } from '../../model/secret.ts';

/** One key of one provider, as values are marked with it. */
export interface EncryptionKey {
  /** `aescbc:v1`, `aesgcm:v1`, `secretbox:v1`, `kms:v1`, `kms:v2`. */
  readonly provider: string;
  readonly name: string;
  /** Base64, as the file has it; absent for KMS, whose keys never leave their service. */
  readonly key?: Secret;
}

/** What an API server encrypts some resources with, the first key for writing. */
export interface EncryptionRule {
  /** `secrets`, `pandas.awesome.example`, `*.apps`, `*.`, `*.*`. */
  readonly resources: readonly string[];
  readonly keys: readonly EncryptionKey[];
}

/** A parsed EncryptionConfiguration, or what is wrong with it. Faults never quote what it holds. */
export type EncryptionKeys = { readonly rules: readonly EncryptionRule[]; readonly fault?: never } | { readonly fault: string; readonly rules?: never };

/** Lengths of keys, in bytes (apiserver `pkg/apis/apiserver/validation/validation_encryption.go`). */
const KEY_BYTES: Readonly<Record<string, readonly number[]>> = { aescbc: [16, 24, 32], aesgcm: [16, 24, 32], secretbox: [32] };

/**
 * Reads a document of `apiserver.config.k8s.io/v1`, kind EncryptionConfiguration (apiserver `pkg/apis/apiserver/v1/types_encryption.go`). `identity` is no
 * key: what it writes is plain.
 */
export function readEncryptionKeys(document: JsonValue | undefined): EncryptionKeys {
  if (!isObject(document) || document['kind'] !== 'EncryptionConfiguration') return { fault: 'it is no EncryptionConfiguration' };
  const { resources } = document;
  if (!Array.isArray(resources) || resources.length === 0) return { fault: 'it names no resources' };
  const rules: EncryptionRule[] = [];
  for (const [index, entry] of resources.entries()) {
    const read = readRule(entry as JsonValue);
    if (typeof read === 'string') return { fault: `resources[${index}]: ${read}` };
    rules.push(read);
  }
  return { rules };
}

function readRule(entry: JsonValue): EncryptionRule | string {
  if (!isObject(entry)) return 'is no map';
  const { resources, providers } = entry;
  if (!Array.isArray(resources) || !resources.every((name) => typeof name === 'string')) return 'resources is no list of names';
  if (!Array.isArray(providers)) return 'providers is no list';
  const keys: EncryptionKey[] = [];
  for (const [index, provider] of providers.entries()) {
    const read = readProvider(provider as JsonValue);
    if (typeof read === 'string') return `providers[${index}]: ${read}`;
    keys.push(...read);
  }
  return { resources, keys };
}

function readProvider(provider: JsonValue): readonly EncryptionKey[] | string {
  if (!isObject(provider)) return 'is no map';
  const [type = ''] = Object.keys(provider);
  const settings = provider[type];
  if (type === 'identity') return [];
  if (!isObject(settings)) return `${type} has no settings`;
  if (type === 'kms') return [{ provider: `kms:${settings['apiVersion'] === 'v2' ? 'v2' : 'v1'}`, name: String(settings['name']) }];
  const lengths = KEY_BYTES[type];
  if (lengths === undefined) return `'${type}' is no provider`;
  const { keys } = settings;
  if (!Array.isArray(keys) || keys.length === 0) return `${type} has no keys`;
  const read = keys.map((key: unknown) => readKey(key, type, lengths));
  return read.find((one) => typeof one === 'string') ?? (read as readonly EncryptionKey[]);
}

function readKey(key: unknown, type: string, lengths: readonly number[]): EncryptionKey | string {
  const { name, secret } = (key ?? {}) as { readonly name?: unknown; readonly secret?: unknown };
  if (typeof name !== 'string' || typeof secret !== 'string') return `a key of ${type} has no name or no secret`;
  const bytes = Buffer.from(secret, 'base64').length;
  if (!lengths.includes(bytes)) return `key ${name} of ${type} has ${bytes} bytes, and must have ${lengths.join(', ')}`;
  return { provider: `${type}:v1`, name, key: new Secret(secret) };
}

/** Keys that an API server would try on a resource, `secrets` or `group/resource`: those of every rule that may cover it. */
export function keysFor(resource: string, rules: readonly EncryptionRule[]): readonly EncryptionKey[] {
  return rules.filter(({ resources }) => resources.some((name) => mayCover(name, resource))).flatMap(({ keys }) => keys);
}

/** A built-in's group is not in its etcd key, so a wildcard of any group may be its own. */
function mayCover(rule: string, resource: string): boolean {
  if (rule === '*.*') return true;
  const [group, name] = resource.includes('.') ? resource.split('/') : [undefined, resource];
  const [ruleName = '', ...ruleGroup] = rule.split('.');
  if (ruleName !== '*' && ruleName !== name) return false;
  return group === undefined || ruleGroup.join('.') === group;
}
