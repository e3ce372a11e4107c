import type { KubeObject } from '../../../model/kube-object.ts';
import { authorize, type Decision, type Entity } from './authorize.ts';
import { parsePolicies } from './parse.ts';
import { CedarSyntaxError, type Policy } from './syntax.ts';

/** The policies in force: those of enabled, parsable CedarPolicies of `lattice-system`; from other namespaces none are loaded (F46). */
export function policiesInForce(objects: readonly KubeObject[]): readonly Policy[] {
  return objects
    .filter((object) => object.metadata.namespace === 'lattice-system' && object.spec?.['enabled'] !== false)
    .flatMap((object) => parseObject(object).policies);
}

/** Policies of one CedarPolicy, or the message of what is wrong with it. */
export function parseObject(object: KubeObject): { readonly policies: readonly Policy[]; readonly fault?: string } {
  const text = object.spec?.['policies'];
  try {
    return { policies: parsePolicies(typeof text === 'string' ? text : '') };
  } catch (error) {
    if (error instanceof CedarSyntaxError) return { policies: [], fault: error.message };
    throw error;
  }
}

/** What the platform asks its policies about (upstream `lattice-cedar/src/entities.rs`). */
export type CedarSubject =
  | { readonly action: 'AccessSecret'; readonly provider: string; readonly path: string }
  | { readonly action: 'AccessVolume'; readonly namespace: string; readonly id: string }
  | { readonly action: 'AccessExternalEndpoint'; readonly host: string; readonly port: string; readonly protocol: string }
  | { readonly action: 'OverrideSecurity'; readonly override: string; readonly category: string }
  | { readonly action: 'AllowWildcard'; readonly direction: 'inbound' | 'outbound' };

export interface CedarWorkload {
  readonly namespace: string;
  readonly name: string;
  readonly kind: string;
}

/** Asks the policies whether a workload may do something. */
export function mayWorkload(policies: readonly Policy[], workload: CedarWorkload, subject: CedarSubject): Decision {
  const principal: Entity = {
    uid: { type: 'Lattice::Service', id: `${workload.namespace}/${workload.name}` },
    attributes: { namespace: workload.namespace, name: workload.name, kind: workload.kind },
  };
  return authorize(policies, { principal, action: { type: 'Lattice::Action', id: subject.action }, resource: resourceOf(subject) });
}

function resourceOf(subject: CedarSubject): Entity {
  switch (subject.action) {
    case 'AccessSecret':
      return entity('SecretPath', `${subject.provider}:${subject.path}`, { path: subject.path, provider: subject.provider });
    case 'AccessVolume':
      return entity('Volume', `${subject.namespace}/${subject.id}`, { namespace: subject.namespace, volume_id: subject.id });
    case 'AccessExternalEndpoint':
      return entity('ExternalEndpoint', `${subject.host}:${subject.port}`, { host: subject.host, port: subject.port, protocol: subject.protocol });
    case 'OverrideSecurity':
      return entity('SecurityOverride', subject.override, { category: subject.category, override_id: subject.override });
    case 'AllowWildcard':
      return entity('Mesh', subject.direction, {});
    default:
      return subject satisfies never;
  }
}

function entity(type: string, id: string, attributes: Entity['attributes']): Entity {
  return { uid: { type: `Lattice::${type}`, id }, attributes };
}
