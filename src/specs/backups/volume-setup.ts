import type { VolumeSetup } from '../../model/backup-setup.ts';
import type { JsonObject } from '../../model/json.ts';
import { asList, asObject, asText, fieldAt, specOf } from '../fields.ts';
import { declaredResources, workloadParts } from '../profiles/workload.ts';
import { namesOf, present, type SetupObject, writtenOf } from './setup-object.ts';

/** Annotation by which Velero copies the files of a pod's volumes, and the one by which it leaves them out (Velero 1.18 `pkg/apis/velero/v1/labels_annotations.go`). */
const OPT_IN = 'backup.velero.io/backup-volumes';

/** The volumes that an object owns: those of the platform's workloads, claims, and the claim templates of StatefulSets. */
export function volumeSetups(found: SetupObject): readonly VolumeSetup[] {
  const { object } = found;
  if (object.kind === 'PersistentVolumeClaim') return [claimVolume(found, object.metadata.name)];
  if (object.kind === 'StatefulSet') return templateVolumes(found);
  return workloadVolumes(found);
}

function claimVolume(found: SetupObject, name: string): VolumeSetup {
  const { namespace = '' } = found.object.metadata;
  return { ...writtenOf(found), claim: `${namespace}/${name}`, namespace, isOptedIn: false };
}

/** Claims `<template>-<set>-<ordinal>` (kubernetes v1.36 `pkg/controller/statefulset/stateful_set_utils.go`, getPersistentVolumeClaimName). */
function templateVolumes(found: SetupObject): readonly VolumeSetup[] {
  const spec = specOf(found.object);
  const replicas = typeof spec['replicas'] === 'number' ? spec['replicas'] : 1;
  const optedIn = new Set((asText(fieldAt(spec, 'template', 'metadata', 'annotations', OPT_IN)) ?? '').split(','));
  return asList(spec['volumeClaimTemplates']).flatMap((template) => {
    const name = asText(fieldAt(template, 'metadata', 'name'));
    if (name === undefined) return [];
    return Array.from({ length: Math.max(replicas, 1) }, (_, ordinal) => ({
      ...claimVolume(found, `${name}-${found.object.metadata.name}-${ordinal}`),
      replicas,
      isOptedIn: optedIn.has(name),
    }));
  });
}

/** Claims `vol-<id>` of a volume with an id, else `<service>-<key>`; owned are those with a size (`lattice-workload/src/pipeline/volumes.rs`). */
function workloadVolumes(found: SetupObject): readonly VolumeSetup[] {
  const { object } = found;
  const { namespace = '', name } = object.metadata;
  const isService = object.kind === 'LatticeService';
  const resources = workloadParts(object).flatMap((part) => declaredResources(part, namespace));
  return resources
    .filter(({ type, params }) => type === 'volume' && params['size'] !== undefined)
    .map(({ key, id }) => ({
      ...claimVolume(found, id === undefined ? `${name}-${key}` : `vol-${id}`),
      isOptedIn: isService && isCopied(asObject(fieldAt(object.spec, 'backup', 'volumes')), key),
      ...present({ service: isService ? `${namespace}/${name}` : undefined, replicas: isService ? replicasOf(specOf(object)) : undefined }),
    }));
}

/** An autoscaled service runs at least one pod. */
function replicasOf(spec: JsonObject): number {
  if (typeof spec['replicas'] === 'number') return spec['replicas'];
  return 1;
}

/**
 * Whether the platform puts the annotation on the pod that makes Velero copy this volume: only for `opt-in` with the volume among `include`. The default,
 * `opt-out`, writes at most what is to be left out, and the server copies nothing by itself (`lattice-workload/src/backup.rs`).
 */
function isCopied(volumes: JsonObject, key: string): boolean {
  return volumes['defaultPolicy'] === 'opt-in' && (namesOf(volumes['include']) ?? []).includes(key);
}
