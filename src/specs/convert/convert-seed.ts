import type { Finding } from '../../model/finding.ts';
import { groupOf, type KubeObject, refKey, refOf } from '../../model/kube-object.ts';
import type { ManifestObject } from '../manifest.ts';
import { applyEdits, diffOfEdit, type Edit, type ReasonedDiff } from './edit.ts';
import { type ConvertContext, convertByRules } from './rules.ts';

/** An object that was written in the older schema. */
export interface ConvertedObject {
  readonly manifest: ManifestObject;
  /** As it would be applied. */
  readonly object: KubeObject;
  readonly edits: readonly Edit[];
  readonly diffs: readonly ReasonedDiff[];
}

export interface Conversion {
  /** All objects, converted where needed, in the order given. Do not use them while there are faults. */
  readonly objects: readonly ManifestObject[];
  readonly converted: readonly ConvertedObject[];
  readonly faults: readonly Finding[];
}

export interface ConvertOptions {
  /** `spec.cluster.latticeImage` of the plan. */
  readonly latticeImage?: string;
}

/**
 * Converts what is written in the platform's older, documented schema to what its CRDs accept today. Objects that are fine already are given back as they are;
 * what has no counterpart is a fault, never dropped.
 */
export function convertSeeds(manifests: readonly ManifestObject[], options: ConvertOptions): Conversion {
  const context: ConvertContext = { latticeImage: options.latticeImage, providers: providersOf(manifests) };
  const faults: Finding[] = [];
  const converted: ConvertedObject[] = [];
  const seen = new Map<string, ManifestObject>();
  for (const manifest of manifests) {
    const result = convertByRules(manifest.object, context);
    for (const fault of result.faults) faults.push({ ...fault, code: 'conversion-impossible', ...placeOf(manifest) });
    const object = applyEdits(manifest.object, result.edits);
    const next = result.edits.length === 0 ? manifest : { ...manifest, object, key: refKey(refOf(object)) };
    if (next !== manifest) converted.push({ manifest, object, edits: result.edits, diffs: result.edits.map(diffOfEdit) });
    const first = seen.get(next.key);
    if (first === undefined) seen.set(next.key, next);
    else
      faults.push({
        code: 'duplicate-object',
        ...placeOf(manifest),
        message: `becomes ${next.key}, which ${first.source.file}:${first.source.line} has already`,
      });
  }
  return { objects: [...seen.values()], converted, faults };
}

function placeOf(manifest: ManifestObject): Pick<Finding, 'file' | 'line' | 'object'> {
  return { file: manifest.source.file, line: manifest.source.line, object: manifest.key };
}

function providersOf(manifests: readonly ManifestObject[]): ReadonlyMap<string, KubeObject> {
  const providers = manifests.filter(({ object }) => groupOf(object.apiVersion) === 'lattice.dev' && ['CloudProvider', 'InfraProvider'].includes(object.kind));
  return new Map(providers.map(({ object }) => [object.metadata.name, object]));
}
