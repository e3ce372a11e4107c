import type { KubeObject } from '../../../model/kube-object.ts';
import type { Workload } from './spec.ts';

export interface QuotaWorld {
  readonly quotas: readonly KubeObject[];
  readonly services: readonly Workload[];
  /** Group of a namespace (label `lattice.dev/group`). */
  readonly groupOf: (namespace: string) => string | undefined;
}

/** CPU in cores and memory in bytes. */
export interface Amounts {
  readonly cpu: number;
  readonly memory: number;
}

/** Message when a workload does not fit its quotas, `undefined` when it does. */
export function quotaFault(workload: Workload, world: QuotaWorld): string | undefined {
  for (const quota of world.quotas) {
    if (quota.spec?.['enabled'] === false || !appliesTo(quota, workload, world)) continue;
    const others = quotaUse(quota, world, (other) => other.namespace !== workload.namespace || other.name !== workload.name);
    const own = amountsOf(workload);
    const limits = limitsOf(quota);
    for (const resource of ['cpu', 'memory'] as const) {
      const total = others[resource] + own[resource];
      if (total > limits[resource]) return `quota '${quota.metadata.name}' exceeded: ${resource} ${total} is more than ${limits[resource]}`;
    }
  }
  return undefined;
}

/** What the services that a quota applies to ask for. */
export function quotaUse(quota: KubeObject, world: QuotaWorld, counts: (workload: Workload) => boolean = () => true): Amounts {
  const amounts = world.services.filter((service) => counts(service) && appliesTo(quota, service, world)).map(amountsOf);
  return { cpu: sum(amounts.map((amount) => amount.cpu)), memory: sum(amounts.map((amount) => amount.memory)) };
}

/** Limits of a quota; what it does not limit is infinite. */
export function limitsOf(quota: KubeObject): Amounts {
  const limits = (quota.spec?.['limits'] ?? {}) as { readonly cpu?: string; readonly memory?: string };
  return {
    cpu: limits.cpu === undefined ? Infinity : parseQuantity(limits.cpu),
    memory: limits.memory === undefined ? Infinity : parseQuantity(limits.memory),
  };
}

const PRINCIPAL = /^Lattice::(Service|Group|User)::"([^"]+)"$/;

/** Kind and id of a quota's principal, `undefined` when the text is none. */
export function parsePrincipal(text: unknown): { readonly kind: string; readonly id: string } | undefined {
  const match = typeof text === 'string' ? PRINCIPAL.exec(text) : null;
  return match === null ? undefined : { kind: match[1] ?? '', id: match[2] ?? '' };
}

function appliesTo(quota: KubeObject, workload: Workload, { groupOf }: QuotaWorld): boolean {
  const principal = parsePrincipal(quota.spec?.['principal']);
  if (principal?.kind === 'Service') return principal.id === `${workload.namespace}/${workload.name}`;
  if (principal?.kind === 'Group') return groupOf(workload.namespace) === principal.id;
  return principal?.kind === 'User' && workload.owner.metadata.annotations?.['lattice.dev/owner'] === principal.id;
}

function amountsOf({ spec }: Workload): Amounts {
  const requests = Object.values(spec.workload.containers).map((container) => container.resources?.requests);
  const replicas = spec.replicas ?? 1;
  return {
    cpu: replicas * sum(requests.map((request) => parseQuantity(request?.cpu ?? '0'))),
    memory: replicas * sum(requests.map((request) => parseQuantity(request?.memory ?? '0'))),
  };
}

const SUFFIXES: Readonly<Record<string, number>> = { '': 1, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };

/** Reads a Kubernetes quantity of the usual suffixes; NaN for anything else, which then fits no limit. */
export function parseQuantity(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text);
  return match === null ? Number.NaN : Number(match[1]) * (SUFFIXES[match[2] ?? ''] ?? Number.NaN);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
