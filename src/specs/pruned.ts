import { isObject, type JsonObject, type JsonValue } from '../model/json.ts';
import { groupOf, type KubeObject } from '../model/kube-object.ts';
import { asText, fieldAt, joinPath } from './fields.ts';
import type { ManifestObject } from './manifest.ts';
import { checkAgainstSchema, schemaOf } from './prune.ts';

/** A field of desired state that a server does not know. It refuses to apply it; without it, what it says is lost. */
export interface PrunedField {
  /** Names it on a command line: `BackupStore/lattice-system/main:spec.storage.minio`. */
  readonly name: string;
  /** `refKey` of the object. */
  readonly object: string;
  /** As kubectl writes it. */
  readonly path: string;
  /** `file:line`. */
  readonly at: string;
  /** It says where something is or who may reach it. Its loss shows when it is used, and for a backup that is the next disaster. */
  readonly isCritical: boolean;
}

/** Kinds that are nothing but where something is and who may reach it. */
const PROVIDERS: ReadonlySet<string> = new Set([
  'BackupStore',
  'BackupStorageLocation',
  'VolumeSnapshotLocation',
  'InfraProvider',
  'SecretProvider',
  'ImageProvider',
  'DNSProvider',
  'OIDCProvider',
  'CertIssuer',
]);
const CRITICAL_KEY = /credential|secret|provider|endpoint|server|url|region|bucket|container/i;

/** Finds every field that the schemas of a server do not know. Objects of types without a schema are passed over. */
export function prunedFields(manifests: readonly ManifestObject[], crds: readonly KubeObject[]): readonly PrunedField[] {
  const byType = new Map(crds.map((crd) => [`${asText(fieldAt(crd.spec, 'group')) ?? ''}/${asText(fieldAt(crd.spec, 'names', 'kind')) ?? ''}`, crd]));
  return manifests.flatMap(({ object, key, source }) =>
    unknownPaths(object, byType.get(`${groupOf(object.apiVersion)}/${object.kind}`)).map((path) => ({
      name: nameOf(object, path),
      object: key,
      path,
      at: `${source.file}:${source.line}`,
      isCritical: PROVIDERS.has(object.kind) || CRITICAL_KEY.test(path),
    })),
  );
}

function unknownPaths(object: KubeObject, crd: KubeObject | undefined): readonly string[] {
  const schema = crd === undefined ? undefined : schemaOf(crd, object.apiVersion.slice(object.apiVersion.indexOf('/') + 1));
  return schema === undefined ? [] : checkAgainstSchema(object, schema).unknown;
}

function nameOf({ kind, metadata }: KubeObject, path: string): string {
  return `${[kind, metadata.namespace, metadata.name].filter((part) => part !== undefined).join('/')}:${path}`;
}

/** The object without the fields at these paths. */
export function withoutFields(object: KubeObject, paths: ReadonlySet<string>): KubeObject {
  const kept = (fields: JsonObject, path: string): JsonObject => {
    const entries = Object.entries(fields).map(([key, value]) => ({ key, value, at: joinPath(path, key) }));
    return Object.fromEntries(entries.filter(({ at }) => !paths.has(at)).map(({ key, value, at }) => [key, value === undefined ? value : below(value, at)]));
  };
  const below = (value: JsonValue, path: string): JsonValue => {
    if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item, index) => below(item, joinPath(path, index)));
    return isObject(value) ? kept(value, path) : value;
  };
  return paths.size === 0 ? object : (kept(object as unknown as JsonObject, '') as unknown as KubeObject);
}
