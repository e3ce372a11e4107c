import { isObject, type JsonValue } from '../../model/json.ts';
import { type KubeObject, refKey, refOf } from '../../model/kube-object.ts';
import type { SpecEdit } from '../../model/resolution.ts';
import type { ManifestObject } from '../manifest.ts';
import { parsePath, withValueAt } from './field-path.ts';

/** Where objects are said to be written that come from elsewhere than git. */
const RESOLVED_SOURCE = 'resolution';

/**
 * Desired state with the edits of a resolution made: fields set or taken out, objects added or left out. An edit of an object that is not there is ignored:
 * the comparison that it was decided on has told so. Pure.
 */
export function applySpecEdits(manifests: readonly ManifestObject[], edits: readonly SpecEdit[]): readonly ManifestObject[] {
  if (edits.length === 0) return manifests;
  const byObject = Map.groupBy(edits, ({ object }) => object);
  const known = new Set(manifests.map(({ key }) => key));
  const added = edits.flatMap((edit) => (edit.path === '' && !known.has(edit.object) ? addedObject(edit) : []));
  const kept = manifests.flatMap((item) => {
    const object = (byObject.get(item.key) ?? []).reduce<KubeObject | undefined>(edited, item.object);
    return object === undefined ? [] : [{ ...item, object }];
  });
  return [...kept, ...added];
}

function edited(object: KubeObject | undefined, { path, to }: SpecEdit): KubeObject | undefined {
  const keys = parsePath(path);
  if (object === undefined || keys === undefined) return object;
  return withValueAt(object as unknown as JsonValue, keys, to) as unknown as KubeObject | undefined;
}

function addedObject({ to }: SpecEdit): readonly ManifestObject[] {
  if (!isObject(to)) return [];
  const object = to as unknown as KubeObject;
  return [{ object, key: refKey(refOf(object)), source: { file: RESOLVED_SOURCE, index: 0, line: 1 } }];
}
