import type { JsonObject } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { asObject, joinPath, objectEntries, specOf } from '../fields.ts';

/** One workload of a Lattice object, with the runtime settings that go with it. */
export interface WorkloadPart {
  /** Path of the workload: `spec.workload`, `spec.tasks.worker.workload`. */
  readonly path: string;
  readonly workload: JsonObject;
  readonly runtimePath: string;
  readonly runtime: JsonObject;
}

/** One entry of `resources`: what a workload declares to need, to own or to allow. */
export interface DeclaredResource {
  readonly key: string;
  readonly path: string;
  readonly type: string;
  /** `id`, or the key when there is none. */
  readonly name: string;
  readonly id: string | undefined;
  readonly namespace: string;
  readonly outbound: boolean;
  readonly inbound: boolean;
  readonly params: JsonObject;
}

/**
 * The workloads in a LatticeService, LatticeJob, LatticeModel or LatticePackage; they share one compiler and so one set of rules.
 *
 * @see evan-hines-js/lattice at 08fbacb, `lattice-crd/src/crd/{service,job,model_serving,package}.rs`
 */
export function workloadParts(object: KubeObject): readonly WorkloadPart[] {
  const spec = specOf(object);
  if (object.kind === 'LatticeService') return [{ path: 'spec.workload', workload: asObject(spec['workload']), runtimePath: 'spec', runtime: spec }];
  if (object.kind === 'LatticePackage') return [{ path: 'spec', workload: spec, runtimePath: 'spec', runtime: {} }];
  if (object.kind === 'LatticeJob') {
    const tasks = objectEntries(spec['tasks']).map(([key, task]) => taskPart(joinPath('spec.tasks', key), task));
    return spec['defaults'] === undefined ? tasks : [taskPart('spec.defaults', asObject(spec['defaults'])), ...tasks];
  }
  if (object.kind !== 'LatticeModel') return [];
  const roles = objectEntries(spec['roles']).flatMap(([key, role]) => roleParts(joinPath('spec.roles', key), role));
  return [...roleParts('spec.defaults', asObject(spec['defaults'])), ...roles];
}

function taskPart(path: string, task: JsonObject): WorkloadPart {
  return { path: `${path}.workload`, workload: asObject(task['workload']), runtimePath: path, runtime: task };
}

function roleParts(path: string, role: JsonObject): readonly WorkloadPart[] {
  return (['entry', 'worker'] as const)
    .filter((side) => role[`${side}Workload`] !== undefined || role[`${side}Runtime`] !== undefined)
    .map((side) => ({
      path: `${path}.${side}Workload`,
      workload: asObject(role[`${side}Workload`]),
      runtimePath: `${path}.${side}Runtime`,
      runtime: asObject(role[`${side}Runtime`]),
    }));
}

/**
 * The declared resources of a workload, with the defaults of the CRD: direction outbound, namespace the object's own, name the key.
 *
 * @see `lattice-crd/src/crd/workload/resources.rs`
 */
export function declaredResources(item: WorkloadPart, ownNamespace: string): readonly DeclaredResource[] {
  return objectEntries(item.workload['resources']).map(([key, resource]) => {
    const direction = resource['direction'] ?? 'outbound';
    const id = typeof resource['id'] === 'string' ? resource['id'] : undefined;
    return {
      key,
      path: joinPath(`${item.path}.resources`, key),
      type: String(resource['type'] ?? 'service'),
      name: id ?? key,
      id,
      namespace: typeof resource['namespace'] === 'string' ? resource['namespace'] : ownNamespace,
      outbound: direction === 'outbound' || direction === 'both',
      inbound: direction === 'inbound' || direction === 'both',
      params: asObject(resource['params']),
    };
  });
}

/** Kinds that share the platform's workload compiler. */
const WORKLOAD_KINDS: ReadonlySet<string> = new Set(['LatticeService', 'LatticeJob', 'LatticeModel', 'LatticePackage']);

/** Whether objects of a kind have the parts that `workloadParts` gives. */
export function isWorkloadKind(kind: string): boolean {
  return WORKLOAD_KINDS.has(kind);
}
