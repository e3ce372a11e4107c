import { type CedarSubject, mayWorkload } from '../cedar/policies.ts';
import type { Policy } from '../cedar/syntax.ts';
import { type ServiceGraph, volumeOwner } from './graph.ts';
import { isOwnedVolume, resourcesOf, type SecuritySpec, type Workload } from './spec.ts';
import { externalPort } from './variables.ts';

/** What a workload is compiled against. */
export interface CompileWorld {
  readonly graph: ServiceGraph;
  readonly policies: readonly Policy[];
}

/** Why a workload may not be compiled, in the platform's words; empty when it may. Order and words follow upstream `lattice-workload/src/authorization`. */
export function authorizationFaults(workload: Workload, world: CompileWorld): readonly string[] {
  const asked: readonly (readonly [title: string, subjects: readonly NamedSubject[]])[] = [
    ['secret access denied', secretSubjects(workload)],
    ['external endpoint access denied', endpointSubjects(workload)],
    ['security override denied', overrideSubjects(workload)],
    ['mesh wildcard denied', wildcardSubjects(workload)],
  ];
  const denied = asked.map(([title, subjects]) => ({ title, details: denials(workload, subjects, world) })).filter(({ details }) => details.length > 0);
  return [...volumeFaults(workload, world), ...denied.map(({ title, details }) => `${title}: ${details.join('; ')}`)];
}

type NamedSubject = readonly [name: string, subject: CedarSubject];

function denials(workload: Workload, subjects: readonly NamedSubject[], { policies }: CompileWorld): readonly string[] {
  return subjects.flatMap(([name, subject]) => {
    const decision = mayWorkload(policies, workload, subject);
    return decision.allowed ? [] : [`'${name}': ${decision.forbidden ? 'denied by a forbid policy' : 'no permit policy for'} ${subject.action}`];
  });
}

/** A reference to a volume needs an owner that exists and lists the consumer (F42); policies may only forbid it on top. */
function volumeFaults(workload: Workload, { graph, policies }: CompileWorld): readonly string[] {
  const denied = resourcesOf(workload.spec.workload, 'volume').flatMap(([key, resource]) => {
    if (isOwnedVolume(resource) || typeof resource.id !== 'string') return [];
    const namespace = resource.namespace ?? workload.namespace;
    const owner = volumeOwner(graph, namespace, resource.id);
    if (owner === undefined)
      return [`'${key}': no owner found for volume '${resource.id}' in namespace '${namespace}' (owner service may not exist or hasn't declared size)`];
    const isAllowed =
      owner.allowed.includes(`${workload.namespace}/${workload.name}`) || (namespace === workload.namespace && owner.allowed.includes(workload.name));
    if (!isAllowed) return [`'${key}': not in allowedConsumers of volume '${resource.id}' owned by '${owner.owner}'`];
    const decision = mayWorkload(policies, workload, { action: 'AccessVolume', namespace, id: resource.id });
    return decision.forbidden ? [`'${key}': denied by a forbid policy AccessVolume`] : [];
  });
  return denied.length === 0 ? [] : [`volume access denied: ${denied.join('; ')}`];
}

function secretSubjects({ spec }: Workload): readonly NamedSubject[] {
  return resourcesOf(spec.workload, 'secret').map(([key, resource]) => [
    key,
    { action: 'AccessSecret', provider: resource.params?.provider ?? '', path: resource.id ?? '' },
  ]);
}

function endpointSubjects({ spec }: Workload): readonly NamedSubject[] {
  return resourcesOf(spec.workload, 'external-service').flatMap(([key, resource]) =>
    Object.values(resource.params?.endpoints ?? {}).flatMap((text): readonly NamedSubject[] => {
      const url = URL.parse(text);
      if (url === null) return [];
      return [[key, { action: 'AccessExternalEndpoint', host: url.hostname, port: externalPort(url), protocol: url.protocol.replace(':', '') }]];
    }),
  );
}

function overrideSubjects({ spec }: Workload): readonly NamedSubject[] {
  const subject = (override: string, category: string): NamedSubject => [override, { action: 'OverrideSecurity', override, category }];
  const ofContainer = (security: SecuritySpec | null | undefined): readonly NamedSubject[] => [
    ...(security?.capabilities ?? []).map((capability) => subject(`capability:${capability}`, 'capability')),
    ...(security?.privileged === true ? [subject('privileged', 'container')] : []),
  ];
  return [
    ...(spec.hostNetwork === true ? [subject('hostNetwork', 'pod')] : []),
    ...(spec.shareProcessNamespace === true ? [subject('shareProcessNamespace', 'pod')] : []),
    ...Object.values(spec.workload.containers).flatMap((container) => ofContainer(container.security)),
    ...Object.values(spec.sidecars ?? {}).flatMap((sidecar) => ofContainer(sidecar.security)),
  ];
}

function wildcardSubjects({ spec }: Workload): readonly NamedSubject[] {
  const wildcards = resourcesOf(spec.workload, 'service').filter(([, resource]) => resource.id === '*');
  const inbound = wildcards.some(([, resource]) => resource.direction === 'inbound' || resource.direction === 'both');
  const advertised = spec.advertise?.allowedServices?.includes('*') === true;
  return inbound || advertised ? [['inbound', { action: 'AllowWildcard', direction: 'inbound' }]] : [];
}
