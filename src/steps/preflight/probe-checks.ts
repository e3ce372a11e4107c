import type { KubeObject } from '../../model/kube-object.ts';
import type { PlanHealth } from '../../model/plan/health.ts';
import { normalName } from '../../model/record-spelling.ts';
import { loadDesired } from '../desired-state.ts';
import { takesIn } from '../dns/host-addresses.ts';
import { movesAfterRelease, nameOf } from '../health/probes.ts';
import type { PreflightCtx } from './checks.ts';

/** Host names that an object of desired state is served at: the routes of a service (LatticeService `spec.ingress`), of the Gateway API, or of an Ingress. */
function hostsOf({ kind, spec }: KubeObject): readonly string[] {
  if (kind === 'HTTPRoute') return (spec?.['hostnames'] as readonly string[] | undefined) ?? [];
  if (kind === 'Ingress') return ((spec?.['rules'] as readonly { readonly host?: string }[] | undefined) ?? []).flatMap(({ host }) => host ?? []);
  const routes = (spec?.['ingress'] as { readonly routes?: Readonly<Record<string, { readonly hosts?: readonly string[] }>> } | undefined)?.routes ?? {};
  return Object.values(routes).flatMap(({ hosts }) => hosts ?? []);
}

/** Probes by a name that neither the plan nor desired state gives an address on the rebuilt cluster. */
async function withoutPlace(ctx: PreflightCtx): Promise<readonly PlanHealth[]> {
  const { manifests } = await loadDesired(ctx);
  const patterns = manifests.flatMap(({ object }) => hostsOf(object));
  const hasTarget = (name: string) => ctx.with.dns?.records.some((record) => record.to !== undefined && normalName(record.name) === name) ?? false;
  return ctx.with.health.filter((probe) => {
    const name = nameOf(probe);
    return name !== undefined && !hasTarget(name) && !patterns.some((pattern) => takesIn(pattern, name));
  });
}

function list(what: string, probes: readonly PlanHealth[]): readonly string[] {
  return probes.length === 0 ? [] : [`${what}: ${probes.map(({ name }) => name).join(', ')}`];
}

/**
 * Says which probes can be asked before the cutover and after it. Nothing here is a no: a package may bring the route of a name, and whoever moves the others
 * does so after the release.
 */
export async function probesCanBeSent(ctx: PreflightCtx): Promise<string> {
  const { health, dns } = ctx.with;
  if (health.length === 0) return 'the plan names no probes: nothing that users ask for is proven';
  return [
    `${health.length} probes are sent to the rebuilt cluster before the cutover`,
    ...list(
      'moves after release, so not asked by name before',
      health.filter((probe) => movesAfterRelease(probe, dns)),
    ),
    ...list('no route in the specs and no dns record with to:, so these fail unless a package brings the route', await withoutPlace(ctx)),
  ].join('; ');
}
