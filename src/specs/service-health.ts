import type { KubeObject } from '../model/kube-object.ts';
import { asList, asObject, fieldAt, specOf } from './fields.ts';
import type { Profile } from './profile.ts';
import { readinessOf } from './readiness.ts';
import { progressing, READY, type Readiness } from './readiness-state.ts';

/** What runs behind a LatticeService, all of its namespace or only its own. */
export interface ServiceParts {
  /** Deployments and StatefulSets. */
  readonly workloads: readonly KubeObject[];
  readonly endpointSlices: readonly KubeObject[];
}

/**
 * Judges a LatticeService by what its clients get: its own phase says only that it was compiled and applied, so the workload of its name must be available and,
 * if it has ports, an endpoint must be ready. A service scaled to zero needs neither.
 *
 * @see evan-hines-js/lattice at 08fbacb, `lattice-service/src/controller.rs` (Ready ignores pods)
 */
export function serviceHealth(service: KubeObject | undefined, parts: ServiceParts, profile: Profile): Readiness {
  const own = readinessOf(service, profile);
  if (own.state !== 'ready' || service === undefined) return own;
  if (specOf(service)['replicas'] === 0) return READY;
  const { name, namespace } = service.metadata;
  const workload = parts.workloads.find((item) => item.metadata.name === name && item.metadata.namespace === namespace);
  const running = readinessOf(workload, profile);
  if (running.state !== 'ready') return prefix(running, `${workload?.kind ?? 'Deployment'} ${name}`);
  if (Object.keys(asObject(fieldAt(service.spec, 'workload', 'service', 'ports'))).length === 0) return READY;
  const slices = parts.endpointSlices.filter(
    (slice) => slice.metadata.namespace === namespace && slice.metadata.labels?.['kubernetes.io/service-name'] === name,
  );
  return readyEndpoints(slices) > 0 ? READY : progressing(`Service ${name} has no ready endpoint`);
}

/** Counts addresses that receive traffic. An endpoint without the condition is ready (Kubernetes API, discovery.k8s.io/v1 EndpointConditions). */
function readyEndpoints(slices: readonly KubeObject[]): number {
  return slices
    .flatMap((slice) => asList(slice['endpoints']))
    .reduce<number>((total, endpoint) => {
      const isReady = fieldAt(endpoint, 'conditions', 'ready') !== false;
      return total + (isReady ? asList(fieldAt(endpoint, 'addresses')).length : 0);
    }, 0);
}

function prefix(readiness: Exclude<Readiness, { readonly state: 'ready' }>, subject: string): Readiness {
  return { ...readiness, reason: `${subject}: ${readiness.reason}` };
}
