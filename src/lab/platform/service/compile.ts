import type { KubeObject } from '../../../model/kube-object.ts';
import type { Caches } from '../../reconcile/caches.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { policiesInForce } from '../cedar/policies.ts';
import { authorizationFaults } from './authorization.ts';
import { type Derived, derive, type PullCredentials } from './derive.ts';
import { buildGraph, type ServiceGraph } from './graph.ts';
import { quotaFault } from './quota.ts';
import { type Workload, workloadOfService } from './spec.ts';
import { TemplateFault } from './variables.ts';

/** Why a workload cannot be compiled now. It is tried again by itself: most causes are things that are not there yet. */
export class CompileFault extends Error {
  /** Over quota: nothing of it may run. */
  readonly scaleToZero: boolean;

  constructor(message: string, scaleToZero = false) {
    super(message);
    this.scaleToZero = scaleToZero;
  }
}

/** A key to check image signatures with has not been synced yet; until then nothing is compiled at all. */
export class WaitingForTrust extends Error {}

/** Compiles a workload against everything the cluster holds. Throws `CompileFault` and `WaitingForTrust`. */
export function compileService(workload: Workload, caches: Caches): Derived {
  const graph = graphOf(caches);
  requireTrustKeys(caches);
  const imageProviders = pullCredentials(workload, caches);
  const faults = authorizationFaults(workload, { graph, policies: policiesInForce(caches.list(TYPES.CedarPolicy)) });
  if (faults.length > 0) throw new CompileFault(faults.join('; '));
  const quota = quotaFault(workload, {
    quotas: caches.list(TYPES.LatticeQuota),
    services: caches.list(TYPES.LatticeService).map(workloadOfService),
    groupOf: (namespace) => caches.get({ ...TYPES.Namespace, name: namespace })?.metadata.labels?.['lattice.dev/group'],
  });
  if (quota !== undefined) throw new CompileFault(quota, true);
  try {
    return derive(workload, { graph, imageProviders });
  } catch (error) {
    if (error instanceof TemplateFault) throw new CompileFault(error.message);
    throw error;
  }
}

/** The graph of all declared services. */
function graphOf(caches: Caches): ServiceGraph {
  return buildGraph(caches.list(TYPES.LatticeService).map(workloadOfService));
}

/** Key material of every trust authority of every ImageProvider must be there before anything is compiled (F44). */
function requireTrustKeys(caches: Caches): void {
  for (const provider of caches.list(TYPES.ImageProvider, 'lattice-system')) {
    const trust = provider.spec?.['trust'] as { readonly authorities?: readonly { readonly name: string }[] } | null | undefined;
    for (const authority of trust?.authorities ?? []) {
      const secret = `${provider.metadata.name}-trust-${authority.name}-credentials`;
      if (caches.get(namespaced(TYPES.Secret, 'lattice-system', secret)) !== undefined) continue;
      throw new WaitingForTrust(`trust authority '${authority.name}' of ImageProvider '${provider.metadata.name}': secret ${secret} not found`);
    }
  }
}

/** Each named ImageProvider must exist (F43); one without credentials needs no pull secret. */
function pullCredentials(workload: Workload, caches: Caches): ReadonlyMap<string, PullCredentials | undefined> {
  const found = new Map<string, PullCredentials | undefined>();
  for (const name of workload.spec.imagePullSecrets ?? []) {
    const provider: KubeObject | undefined = caches.get(namespaced(TYPES.ImageProvider, 'lattice-system', name));
    if (provider === undefined) throw new CompileFault(`resource '${name}': imagePullSecrets references ImageProvider '${name}' which was not found`);
    found.set(name, (provider.spec?.['credentials'] as PullCredentials | null | undefined) ?? undefined);
  }
  return found;
}
