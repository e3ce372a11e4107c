import type { JsonObject, JsonValue } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { type FieldOwner, fieldsV1, findConflicts, ownedPaths, pathKey, valueAt, withValue } from './fake-field-ownership.ts';
import { statusError } from './fake-kube-status.ts';
import type { FakeType } from './fake-kube-types.ts';

/** A stored object: its content without server-side bookkeeping of owners. */
export interface Stored {
  readonly type: FakeType;
  readonly content: KubeObject;
  readonly owners: readonly FieldOwner[];
}

export interface Writer {
  readonly manager: string;
  readonly what: string;
}

/** What a write makes of a stored object; the caller decides whether to keep it. */
export interface WriteResult {
  readonly next: Stored;
  readonly changed: boolean;
}

/** Takes off what a client may not set through the main resource. */
export function acceptable(object: KubeObject, type: FakeType): KubeObject {
  const { resourceVersion: _rv, uid: _uid, generation: _g, creationTimestamp: _c, deletionTimestamp: _d, managedFields: _m, ...metadata } = object.metadata;
  const { status, ...rest } = object;
  const kept = type.hasStatus || status === undefined ? rest : { ...rest, status };
  return { ...kept, apiVersion: object.apiVersion, kind: object.kind, metadata };
}

/** Server-side apply onto an existing object. Throws the 409 of the real server when others own differing fields and `force` is not set. */
export function applied(stored: Stored, object: KubeObject, options: Writer & { readonly force: boolean }): WriteResult {
  const config = acceptable(object, stored.type) as unknown as JsonObject;
  const current = stored.content as unknown as JsonObject;
  const isMine = (owner: FieldOwner) => owner.manager === options.manager && owner.operation === 'Apply' && owner.subresource === '';
  const others = stored.owners.filter((owner) => !isMine(owner));
  const conflicts = findConflicts(current, config, others);
  if (conflicts.length > 0 && !options.force) {
    throw statusError(409, 'Conflict', {
      what: options.what,
      message: `Apply failed with ${conflicts.length} conflict${conflicts.length === 1 ? '' : 's'}: ${conflicts.map(({ manager, path }) => `conflict with "${manager}": .${path.join('.')}`).join(', ')}`,
      causes: conflicts.map(({ manager, path }) => ({ reason: 'FieldManagerConflict', message: `conflict with "${manager}"`, field: `.${path.join('.')}` })),
    });
  }
  const lost = new Set(conflicts.map(({ path }) => pathKey(path)));
  const keepers = others.map((owner) => withoutFields(owner, lost)).filter((owner) => owner.fields.size > 0);
  const mine: FieldOwner = { manager: options.manager, operation: 'Apply', subresource: '', fields: new Set(ownedPaths(config).map(pathKey)) };
  const given = ownedPaths(config).reduce((content, path) => withValue(content, path, valueAt(config, path)), current);
  const before = stored.owners.find(isMine)?.fields ?? new Set<string>();
  const dropped = [...before].filter((key) => !mine.fields.has(key) && !keepers.some((owner) => owner.fields.has(key)));
  const content = dropped.reduce((rest, key) => withValue(rest, JSON.parse(key) as string[], undefined), given);
  return settle(stored, content, [...keepers, mine]);
}

/** Any other write: the writer owns what it changed, as `Update`, and nobody else does any more. */
export function updated(stored: Stored, content: JsonObject, options: Writer & { readonly subresource: string }): WriteResult {
  const current = stored.content as unknown as JsonObject;
  const same = (path: readonly string[]) => JSON.stringify(valueAt(current, path)) === JSON.stringify(valueAt(content, path));
  const changed = new Set(
    ownedPaths(content)
      .filter((path) => !same(path))
      .map(pathKey),
  );
  const gone = new Set(
    ownedPaths(current)
      .filter((path) => valueAt(content, path) === undefined)
      .map(pathKey),
  );
  if (changed.size === 0 && gone.size === 0) return { next: stored, changed: false };
  const isMine = (owner: FieldOwner) => owner.manager === options.manager && owner.operation === 'Update' && owner.subresource === options.subresource;
  const before = stored.owners.find(isMine)?.fields ?? new Set<string>();
  const others = stored.owners.filter((owner) => !isMine(owner)).map((owner) => withoutFields(owner, new Set([...changed, ...gone])));
  const fields = new Set([...before, ...changed].filter((key) => !gone.has(key)));
  const mine: FieldOwner = { manager: options.manager, operation: 'Update', subresource: options.subresource, fields };
  return settle(
    stored,
    content,
    [...others, mine].filter((owner) => owner.fields.size > 0),
  );
}

/** RFC 7386. */
function merged(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const base = target !== null && typeof target === 'object' && !Array.isArray(target) ? (target as JsonObject) : {};
  const entries = Object.entries(patch as JsonObject).map(
    ([key, value]) => [key, value === null || value === undefined ? undefined : merged(base[key], value)] as const,
  );
  const next = { ...base, ...Object.fromEntries(entries) };
  return Object.fromEntries(Object.entries(next).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined));
}

/** The object as the server answers it, with `managedFields`. */
export function shown({ content, owners }: Stored): KubeObject {
  const managedFields = owners.map((owner) => ({
    manager: owner.manager,
    operation: owner.operation,
    apiVersion: content.apiVersion,
    fieldsType: 'FieldsV1',
    fieldsV1: fieldsV1(owner.fields),
    ...(owner.subresource === '' ? {} : { subresource: owner.subresource }),
  }));
  return structuredClone({ ...content, metadata: { ...content.metadata, managedFields } });
}

/** A created object starts at generation 1, however little its spec holds. */
export function firstGeneration(stored: Stored): Stored {
  const { metadata } = stored.content;
  return metadata.generation === undefined ? stored : { ...stored, content: { ...stored.content, metadata: { ...metadata, generation: 1 } } };
}

/** Content after a merge patch of the main resource or of a subresource, each of which takes only its own part. */
export function patchedContent(stored: Stored, patch: JsonObject, subresource: 'status' | 'scale' | undefined): JsonObject {
  const current = stored.content as unknown as JsonObject;
  if (subresource === 'status') return { ...current, ...(patch['status'] === undefined ? {} : { status: merged(current['status'], patch['status']) }) };
  if (subresource === 'scale') return merged(current, { spec: { replicas: ((patch['spec'] ?? {}) as JsonObject)['replicas'] } }) as JsonObject;
  const { uid: _uid, resourceVersion: _version, ...metadata } = (patch['metadata'] ?? {}) as JsonObject;
  const { status, ...rest } = patch;
  return merged(current, { ...rest, metadata, ...(stored.type.hasStatus || status === undefined ? {} : { status }) }) as JsonObject;
}

function settle(stored: Stored, content: JsonObject, owners: readonly FieldOwner[]): WriteResult {
  const next: Stored = { type: stored.type, content: content as unknown as KubeObject, owners };
  const changed = fingerprint(stored) !== fingerprint(next);
  const bump = stored.type.counted && specOf(stored.content) !== specOf(next.content);
  if (!bump) return { next, changed };
  const generation = (stored.content.metadata.generation ?? 0) + 1;
  return { next: { ...next, content: { ...next.content, metadata: { ...next.content.metadata, generation } } }, changed };
}

function fingerprint({ content, owners }: Stored): string {
  const listed = owners.map(({ manager, operation, subresource, fields }) => JSON.stringify([manager, operation, subresource, [...fields].toSorted()]));
  return JSON.stringify([canonical(content as unknown as JsonValue), listed.toSorted()]);
}

function canonical(value: JsonValue | undefined): JsonValue {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || value === undefined || typeof value !== 'object') return value ?? null;
  return Object.entries(value as JsonObject)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => [key, canonical(item)]);
}

function specOf({ metadata: _metadata, status: _status, ...rest }: KubeObject): string {
  return JSON.stringify(canonical(rest as unknown as JsonValue));
}

function withoutFields(owner: FieldOwner, lost: ReadonlySet<string>): FieldOwner {
  return { ...owner, fields: new Set([...owner.fields].filter((key) => !lost.has(key))) };
}
