import type { FieldDiff } from '../model/change.ts';
import { canonicalJson, isObject, type JsonValue } from '../model/json.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { joinPath } from './fields.ts';
import { sameQuantity } from './same-quantity.ts';

/** Shown instead of the values of Secrets. */
const REDACTED = '[redacted]';

/** Metadata that desired state may set; everything else there is the server's. */
const OWN_METADATA: readonly string[] = ['labels', 'annotations'];

/**
 * Fields in which a live object differs from what is desired, as a server-side apply would change them: fields that desired state does not mention belong to
 * somebody else and are no difference, and neither is another spelling of a quantity or a duration. Status and server metadata are left out. Values of
 * Secrets are never shown.
 */
export function diffObjects(live: KubeObject, desired: KubeObject): readonly FieldDiff[] {
  const { metadata, status: _status, apiVersion: _version, kind, ...body } = desired;
  const diffs: FieldDiff[] = [];
  for (const field of OWN_METADATA) compare(live.metadata[field], metadata[field], { path: `metadata.${field}`, diffs });
  if (kind === 'Secret') return [...diffs, ...secretDiffs(live, desired)];
  for (const [field, value] of Object.entries(body)) compare(live[field], value, { path: field, diffs });
  return diffs;
}

interface Walk {
  readonly path: string;
  readonly diffs: FieldDiff[];
}

function compare(live: unknown, desired: unknown, walk: Walk): void {
  if (desired === undefined || isSame(live, desired, walk.path)) return;
  if (isObject(desired) && isObject(live)) {
    for (const [key, value] of Object.entries(desired)) compare(live[key], value, { ...walk, path: joinPath(walk.path, key) });
  } else if (Array.isArray(desired) && Array.isArray(live)) compareLists(live, desired, walk);
  else if (!isEmptyDefault(live, desired)) walk.diffs.push(diffOf(walk.path, live, desired));
}

/** Lists whose items have a `name` are compared by name, as the server merges them; others by position. */
function compareLists(live: readonly unknown[], desired: readonly unknown[], walk: Walk): void {
  const names = desired.map(nameOf);
  if (names.length > 0 && names.every((name) => name !== undefined) && new Set(names).size === names.length) {
    for (const item of desired) {
      const name = nameOf(item) ?? '';
      compare(
        live.find((other) => nameOf(other) === name),
        item,
        { ...walk, path: `${walk.path}[name=${name}]` },
      );
    }
    return;
  }
  if (live.length !== desired.length) walk.diffs.push(diffOf(walk.path, live, desired));
  else for (const [index, item] of desired.entries()) compare(live[index], item, { ...walk, path: joinPath(walk.path, index) });
}

function nameOf(item: unknown): string | undefined {
  const name = isObject(item) ? item['name'] : undefined;
  return typeof name === 'string' ? name : undefined;
}

function diffOf(path: string, from: unknown, to: unknown): FieldDiff {
  return { path, ...(from === undefined ? {} : { from: from as JsonValue }), to: to as JsonValue };
}

function isSame(live: unknown, desired: unknown, path: string): boolean {
  if (live === desired) return true;
  if (typeof live === 'string' && typeof desired === 'string') return sameQuantity(live, desired, path);
  if (typeof live === 'string' && typeof desired === 'number') return sameQuantity(live, String(desired), path);
  return live !== undefined && live !== null && typeof live === 'object' && canonicalJson(live as JsonValue) === canonicalJson(desired as JsonValue);
}

/** A server drops empty maps, lists and nulls: their absence is no difference. */
function isEmptyDefault(live: unknown, desired: unknown): boolean {
  if (live !== undefined && live !== null) return false;
  if (desired === null) return true;
  if (Array.isArray(desired)) return desired.length === 0;
  return isObject(desired) && Object.keys(desired).length === 0;
}

/** Keys of a Secret that are missing or hold other bytes; `stringData` is compared with what the server makes of it. */
function secretDiffs(live: KubeObject, desired: KubeObject): readonly FieldDiff[] {
  const have = bytesOf(live);
  const want = bytesOf(desired);
  const diffs = [...want].filter(([key, value]) => have.get(key) !== value).map(([key]) => redactedDiff(key, have.has(key)));
  const type = desired['type'];
  return type === undefined || type === live['type'] ? diffs : [...diffs, diffOf('type', live['type'], type)];
}

function redactedDiff(key: string, exists: boolean): FieldDiff {
  return { path: joinPath('data', key), ...(exists ? { from: REDACTED } : {}), to: REDACTED };
}

function bytesOf(secret: KubeObject): ReadonlyMap<string, string> {
  const data = isObject(secret['data']) ? secret['data'] : {};
  const text = isObject(secret['stringData']) ? secret['stringData'] : {};
  const encoded = Object.entries(text).map(([key, value]) => [key, Buffer.from(String(value), 'utf8').toString('base64')] as const);
  return new Map([...Object.entries(data).map(([key, value]) => [key, String(value)] as const), ...encoded]);
}
