import type { KubeObject } from '../../model/kube-object.ts';
import { asList, asObject, asText, fieldAt, joinPath, objectEntries, specOf, visitTexts } from '../fields.ts';
import type { Provision, Reference } from '../references.ts';
import { credentialReferences } from './credential-references.ts';
import { DEFAULT_STORE, LATTICE_GROUP, LATTICE_SYSTEM, SHARED_VOLUME } from './lattice-names.ts';
import { type DeclaredResource, declaredResources, type WorkloadPart, workloadParts } from './workload.ts';

/**
 * What a Lattice workload needs before it may be applied: only edges whose absence makes it Failed. Service to service is not among them (`agreements.ts`).
 *
 * @see evan-hines-js/lattice at 08fbacb, `lattice-workload/src/compiler.rs`, `lattice-render/src/provisioner.rs`, `lattice-graph/src/lib.rs`
 */
export function workloadReferences(object: KubeObject): readonly Reference[] {
  const namespace = object.metadata.namespace ?? '';
  const references: Reference[] = [quotaReference()];
  for (const part of workloadParts(object)) {
    const resources = declaredResources(part, namespace);
    references.push(...resources.flatMap(resourceReferences), ...templateReferences(part, resources), ...pullSecretReferences(part));
  }
  if (needsPermit(object)) references.push(cedarReference(object));
  return [...references, ...tokenReference(object, namespace), ...backupReference(object, namespace)];
}

/** Shared volumes an object owns: those with an id and a size. */
export function ownedVolumes(object: KubeObject): readonly Provision[] {
  const namespace = object.metadata.namespace ?? '';
  return workloadParts(object)
    .flatMap((part) => declaredResources(part, namespace))
    .filter((resource) => resource.type === 'volume' && resource.id !== undefined && resource.params['size'] !== undefined)
    .map((resource) => ({ target: { group: LATTICE_GROUP, kind: SHARED_VOLUME, namespace, name: resource.name } }));
}

function quotaReference(): Reference {
  return {
    field: 'metadata.namespace',
    target: { group: LATTICE_GROUP, kind: 'LatticeQuota', name: '*' },
    wait: 'applied',
    reason: 'limits must exist before anything they limit',
    need: 'optional',
  };
}

function cedarReference(object: KubeObject): Reference {
  return {
    field: object.kind === 'LatticePackage' ? 'spec.resources' : 'spec',
    target: { group: LATTICE_GROUP, kind: 'CedarPolicy', namespace: LATTICE_SYSTEM, name: '*' },
    wait: 'ready',
    reason: 'Cedar denies by default what it uses (secrets, outside endpoints, security overrides or wildcards)',
    need: 'optional',
  };
}

function resourceReferences(resource: DeclaredResource): readonly Reference[] {
  if (resource.type === 'secret') return credentialReferences(`${resource.path}.params`, { ...resource.params, id: resource.name }, 'required');
  if (resource.type !== 'volume' || resource.id === undefined || resource.params['size'] !== undefined) return [];
  return [
    {
      field: `${resource.path}.id`,
      target: { group: LATTICE_GROUP, kind: SHARED_VOLUME, namespace: resource.namespace, name: resource.id },
      wait: 'ready',
      reason: 'the volume must have an owner, else "no owner found for volume"',
      need: 'required',
    },
  ];
}

const TEMPLATE = /\$\{resources\.([A-Za-z0-9_-]+)\.(port|url)\}/g;

/** `${resources.x.port}` and `.url` are filled in from the graph: the service named must exist, it need not be ready. Hyphens and underscores are one. */
function templateReferences(part: WorkloadPart, resources: readonly DeclaredResource[]): readonly Reference[] {
  const byName = new Map(resources.filter((resource) => resource.type === 'service').map((resource) => [resource.key.replaceAll('-', '_'), resource]));
  const found = new Map<string, Reference>();
  const visit = (text: string, path: string): void => {
    for (const [, name = '', output = ''] of text.matchAll(TEMPLATE)) {
      const resource = byName.get(name.replaceAll('-', '_'));
      if (resource === undefined || resource.name === '*') continue;
      if (!found.has(resource.key)) found.set(resource.key, serviceReference(resource, path, output));
    }
  };
  visitTexts(part.workload['containers'], `${part.path}.containers`, visit);
  visitTexts(part.runtime['sidecars'], `${part.runtimePath}.sidecars`, visit);
  return [...found.values()];
}

/** Kinds that are nodes of the service graph (`lattice-graph/src/lib.rs`, put_service, put_workload, put_mesh_member). */
const GRAPH_KINDS = ['LatticeMeshMember', 'LatticeModel', 'LatticeJob'] as const;

function serviceReference(resource: DeclaredResource, path: string, output: string): Reference {
  const at = { group: LATTICE_GROUP, namespace: resource.namespace, name: resource.name };
  return {
    field: path,
    target: { ...at, kind: 'LatticeService' },
    or: GRAPH_KINDS.map((kind) => ({ ...at, kind })),
    wait: 'applied',
    reason: `its ${output} is filled in from that service, which must exist`,
    need: 'required',
  };
}

function pullSecretReferences(part: WorkloadPart): readonly Reference[] {
  return asList(part.runtime['imagePullSecrets']).flatMap((name, index) => {
    if (typeof name !== 'string') return [];
    return [
      {
        field: joinPath(`${part.runtimePath}.imagePullSecrets`, index),
        target: { group: LATTICE_GROUP, kind: 'ImageProvider', namespace: LATTICE_SYSTEM, name },
        wait: 'ready',
        reason: 'images are pulled with its credentials',
        need: 'required',
      } as const,
    ];
  });
}

/** Whether Cedar is asked about an object. Too often is harmless: it then waits for policies that come early anyway. */
function needsPermit(object: KubeObject): boolean {
  if (fieldAt(object.spec, 'advertise') !== undefined || specOf(object)['dependsAll'] === true) return true;
  const namespace = object.metadata.namespace ?? '';
  return workloadParts(object).some((part) => {
    const asked = declaredResources(part, namespace).some((resource) => ['secret', 'external-service'].includes(resource.type) || resource.name === '*');
    return asked || hasOverride(part);
  });
}

/** Deviations from the restricted pod profile, and containers whose binary is not known (`lattice-workload/src/authorization/security.rs`). */
function hasOverride(part: WorkloadPart): boolean {
  if (['hostNetwork', 'shareProcessNamespace', 'automountServiceAccountToken'].some((flag) => part.runtime[flag] === true)) return true;
  const containers = [...objectEntries(part.workload['containers']), ...objectEntries(part.runtime['sidecars'])];
  return containers.some(([, container]) => {
    const security = asObject(container['security']);
    return Object.keys(security).length > 0 || asList(container['command']).length === 0;
  });
}

function tokenReference(object: KubeObject, namespace: string): readonly Reference[] {
  const name = asText(fieldAt(object.spec, 'modelSource', 'tokenSecret', 'name'));
  if (name === undefined) return [];
  const target = { group: '', kind: 'Secret', namespace, name };
  return [{ field: 'spec.modelSource.tokenSecret.name', target, wait: 'applied', reason: 'the model is downloaded with it', need: 'required' }];
}

/** A service's own schedule looks for its store in the service's namespace; without it nothing but the schedule is missing. */
function backupReference(object: KubeObject, namespace: string): readonly Reference[] {
  if (object.kind !== 'LatticeService' || fieldAt(object.spec, 'backup') === undefined) return [];
  const store = asText(fieldAt(object.spec, 'backup', 'storeRef'));
  const target =
    store === undefined
      ? { group: LATTICE_GROUP, kind: DEFAULT_STORE, namespace: LATTICE_SYSTEM, name: 'default' }
      : { group: LATTICE_GROUP, kind: 'BackupStore', namespace, name: store };
  return [{ field: 'spec.backup.storeRef', target, wait: 'applied', reason: 'its backup schedule names the store', need: 'optional' }];
}
